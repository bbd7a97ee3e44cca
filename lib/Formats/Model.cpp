//===- Model.cpp - a model as its files give it ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Model.h"

using namespace trine;
namespace fs = std::filesystem;

std::shared_ptr<const Model> trine::openModel(const fs::path &path) {
  auto model = std::make_shared<Model>();
  fs::path full = fs::absolute(path).lexically_normal();
  model->name = (full.has_filename() ? full : full.parent_path()).filename();
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    throw badInput(path.string(), "no such file or directory");
  if (fs::is_directory(status))
    model->huggingFace = HFModel::open(path, &model->unsupported);
  else if (path.extension() == ".gguf")
    model->gguf = GgufFile::open(path, &model->unsupported);
  else
    throw badInput(path.string(),
                   "expected a .gguf file or a Hugging Face directory");
  return model;
}
