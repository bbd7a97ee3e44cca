//===- Safetensors.h - safetensors files, single and sharded ----*- C++ -*-===//
// Format: 8 bytes of header size, a JSON header, then the tensors' bytes.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/WeightSource.h"

namespace trine {

class SafetensorsModel : public WeightSource {
public:
  /// A .safetensors file, a model.safetensors.index.json, or a directory that
  /// holds one of them. Throws BadInput for malformed or missing files. Tensors
  /// of a dtype Trine does not read are listed in `unsupported`, or thrown as
  /// Unsupported without it.
  static std::shared_ptr<SafetensorsModel>
  open(const std::filesystem::path &path,
       std::vector<std::string> *unsupported = nullptr);
  /// One file's bytes, which outlive the result.
  static std::shared_ptr<SafetensorsModel>
  parse(Bytes bytes, std::string name,
        std::vector<std::string> *unsupported = nullptr);

protected:
  using WeightSource::WeightSource;
  void load(const std::filesystem::path &path,
            std::vector<std::string> &unsupported);

private:
  void read(Bytes bytes, const std::string &file,
            std::vector<std::string> &unsupported);
  void readShards(const std::filesystem::path &index,
                  std::vector<std::string> &unsupported);
};

} // namespace trine
