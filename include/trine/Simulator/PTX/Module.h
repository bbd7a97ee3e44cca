//===- Module.h - a parsed PTX module ---------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace trine::ptx {

namespace ast {
struct Module;
}

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

/// A kernel's parameter in the buffer that a launch takes.
struct Parameter {
  std::string name;
  uint32_t offset = 0, bytes = 0;
};

struct KernelInfo {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
};

class Module {
public:
  /// Throws BadInput naming file and line at the first error of syntax.
  static Module parse(std::string_view text, const std::string &file);

  const std::vector<KernelInfo> &kernels() const { return list; }
  /// Throws BadInput with the names there are when there is no such kernel; an
  /// empty name means the only one.
  const KernelInfo &kernel(std::string_view name) const;
  const std::string &target() const;
  const ast::Module &ast() const { return *tree; }

private:
  friend class Device;
  std::shared_ptr<const ast::Module> tree;
  std::vector<KernelInfo> list;
};

} // namespace trine::ptx
