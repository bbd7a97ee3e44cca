//===- config.cpp - fuzz target: the JSON files of a directory ------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fuzz.h"
#include "trine/Formats/Tokenizer.h"

using namespace trine;
namespace fs = std::filesystem;

static const char *const files[] = {
    "config.json",           "generation_config.json",
    "tokenizer_config.json", "special_tokens_map.json",
    "modules.json",          "sentence_bert_config.json",
    "tokenizer.json",        "model.safetensors.index.json",
};

/// A directory of this process, removed at its end.
struct Directory {
  Directory() : path(fs::temp_directory_path() / "trine-fuzz-XXXXXX") {
    std::string name = path.string();
    if (!mkdtemp(name.data()))
      std::abort();
    path = name;
  }
  ~Directory() { fs::remove_all(path); }
  fs::path path;
};

/// The first byte chooses the file that the rest becomes; it is read beside an
/// empty config.json and an empty shard.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Directory directory;
  if (size == 0)
    return 0;
  const char *chosen = files[data[0] % std::size(files)];
  writeText(directory.path / "config.json", "{}");
  writeText(directory.path / "model.safetensors.index.json",
            "{\"weight_map\":{}}");
  writeText(directory.path / chosen,
            {reinterpret_cast<const char *>(data + 1), size - 1});
  int result = fuzz::run([] {
    auto model = HFModel::open(directory.path);
    textInfo(*model).json();
    for (const auto &[key, value] : model->config().json().items()) {
      const JsonReader &config = model->config();
      fuzz::run([&, &key = key] { config.positive(key); });
      fuzz::run([&, &key = key] { config.maybe<std::vector<double>>(key); });
      fuzz::run([&, &key = key] { config.object(key); });
    }
  });
  fs::remove(directory.path / chosen);
  return result;
}
