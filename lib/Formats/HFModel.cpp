//===- HFModel.cpp - a Hugging Face model directory -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/HFModel.h"

using namespace trine;
namespace fs = std::filesystem;

/// A file of the directory as text, part of the digest; nothing if absent.
std::optional<std::string> HFModel::readSmall(const fs::path &directory,
                                              const std::string &file) {
  constexpr uint64_t limit = 256u << 20;
  fs::path path = directory / file;
  if (!fs::exists(path))
    return std::nullopt;
  Bytes bytes = addFile(path, file);
  if (bytes.size() > limit)
    throw badInput(path.string(), "file of {} bytes is larger than {} allows",
                   bytes.size(), limit);
  return std::string(reinterpret_cast<const char *>(bytes.data()),
                     bytes.size());
}

std::optional<JsonReader> HFModel::readJson(const fs::path &directory,
                                            const std::string &file) {
  std::optional<std::string> text = readSmall(directory, file);
  if (!text)
    return std::nullopt;
  std::string path = (directory / file).string();
  return JsonReader(path, parseJson(*text, path));
}

void HFModel::readModules(const fs::path &directory) {
  std::optional<std::string> text = readSmall(directory, "modules.json");
  if (!text)
    return;
  std::string file = (directory / "modules.json").string();
  Json list = parseJson(*text, file);
  if (!list.is_array() || list.size() > 64)
    throw badInput(file, "expected a list of at most 64 modules, got {}",
                   describe(list));
  for (const Json &entry : list) {
    JsonReader reader(file, entry);
    SentenceModule module;
    module.type = reader.get<std::string>("type");
    // "sentence_transformers.models.Pooling"
    module.type = module.type.substr(module.type.rfind('.') + 1);
    module.path = reader.get<std::string>("path", "");
    for (const fs::path &part : fs::path(module.path))
      if (part == ".." || part.is_absolute())
        throw reader.expected("path", "a folder of the model's directory");
    if (!module.path.empty())
      module.config =
          readJson(directory, (fs::path(module.path) / "config.json").string());
    moduleList.push_back(std::move(module));
  }
}

std::shared_ptr<HFModel> HFModel::open(const fs::path &directory,
                                       std::vector<std::string> *unsupported) {
  std::shared_ptr<HFModel> model(new HFModel(directory.string()));
  if (!fs::is_directory(directory))
    throw badInput(directory.string(), "expected a Hugging Face directory");
  for (const char *file :
       {"config.json", "generation_config.json", "tokenizer_config.json",
        "special_tokens_map.json", "sentence_bert_config.json"})
    if (std::optional<JsonReader> reader = model->readJson(directory, file))
      model->files.emplace(file, *std::move(reader));
  if (!model->optional("config.json"))
    throw badInput(directory.string(), "config.json is missing; fetch it with "
                                       "the weights");
  model->tokenizer = model->readSmall(directory, "tokenizer.json").value_or("");
  model->jinja =
      model->readSmall(directory, "chat_template.jinja").value_or("");
  model->readModules(directory);
  std::vector<std::string> found;
  model->load(directory, found);
  refuseUnsupported(directory.string(), found, unsupported);
  return model;
}

const JsonReader *HFModel::optional(std::string_view file) const {
  auto it = files.find(file);
  return it == files.end() ? nullptr : &it->second;
}

std::string HFModel::chatTemplate() const {
  const JsonReader *reader = optional("tokenizer_config.json");
  if (!jinja.empty() || !reader || !reader->has("chat_template"))
    return jinja;
  const Json &value = reader->json()["chat_template"];
  if (!value.is_array())
    return reader->get<std::string>("chat_template");
  for (const Json &entry : value) {
    JsonReader item(reader->file(), entry, "chat_template[].");
    if (item.get<std::string>("name") == "default")
      return item.get<std::string>("template");
  }
  return "";
}
