//===- CommandLine.h - options of the tools ---------------------*- C++ -*-===//
// --name=value or --name value; --help and --version for every tool.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace trine {

class CommandLine {
public:
  /// `usage` is what follows the tool's name on its usage line.
  CommandLine(std::string tool, std::string usage, std::string summary);
  CommandLine(const CommandLine &) = delete;
  CommandLine &operator=(const CommandLine &) = delete;

  /// Names carry their dashes ("--jobs", "-o"). `help` is one line or more.
  CommandLine &flag(std::string name, bool &value, std::string help);
  CommandLine &text(std::string name, std::string meta, std::string &value,
                    std::string help);
  /// May be repeated; one use may hold several, separated by commas, when
  /// `split` is set.
  CommandLine &list(std::string name, std::string meta,
                    std::vector<std::string> &values, bool split,
                    std::string help);
  CommandLine &integer(std::string name, std::string meta, int64_t &value,
                       int64_t least, int64_t most, std::string help);
  CommandLine &number(std::string name, std::string meta, double &value,
                      std::string help);
  /// One of `choices`.
  CommandLine &choice(std::string name, std::vector<std::string> choices,
                      std::string &value, std::string help);

  /// False after printing --help or --version to stdout. Throws Usage for
  /// anything unknown or malformed. A lone "--" ends the options.
  bool parse(int argc, char **argv, std::vector<std::string> &positional);

  /// Usage error that ends with how to get help.
  [[noreturn]] void fail(const std::string &what) const;

private:
  struct Option {
    std::string name, meta, help; ///< empty meta: takes no value
    std::function<void(const std::string &)> set;
  };
  const Option *find(const std::string &name) const;
  [[noreturn]] void unknown(const std::string &name) const;
  void printHelp() const;

  std::string tool, usage, summary;
  std::vector<Option> options;
};

} // namespace trine
