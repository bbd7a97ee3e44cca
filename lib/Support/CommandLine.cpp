//===- CommandLine.cpp - options of the tools -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/CommandLine.h"
#include "trine/Support/Error.h"
#include "trine/Support/Version.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/ranges.h>
#include <numeric>
#include <string_view>

using namespace trine;

CommandLine::CommandLine(std::string tool, std::string usage,
                         std::string summary)
    : tool(std::move(tool)), usage(std::move(usage)),
      summary(std::move(summary)) {}

void CommandLine::fail(const std::string &what) const {
  throw Error(ExitCode::Usage, "",
              fmt::format("{}; see {} --help", what, tool));
}

CommandLine &CommandLine::flag(std::string name, bool &value,
                               std::string help) {
  options.push_back({std::move(name), "", std::move(help),
                     [&value](const std::string &) { value = true; }});
  return *this;
}

CommandLine &CommandLine::text(std::string name, std::string meta,
                               std::string &value, std::string help) {
  options.push_back({std::move(name), std::move(meta), std::move(help),
                     [&value](const std::string &given) { value = given; }});
  return *this;
}

CommandLine &CommandLine::list(std::string name, std::string meta,
                               std::vector<std::string> &values, bool split,
                               std::string help) {
  auto set = [this, name, &values, split](const std::string &given) {
    size_t start = 0;
    while (true) {
      size_t comma = split ? given.find(',', start) : std::string::npos;
      std::string item = given.substr(
          start, comma == std::string::npos ? comma : comma - start);
      if (item.empty())
        fail(fmt::format("{}: empty item in '{}'", name, given));
      values.push_back(std::move(item));
      if (comma == std::string::npos)
        return;
      start = comma + 1;
    }
  };
  options.push_back({std::move(name), std::move(meta), std::move(help), set});
  return *this;
}

CommandLine &CommandLine::integer(std::string name, std::string meta,
                                  int64_t &value, int64_t least, int64_t most,
                                  std::string help) {
  auto set = [this, name, &value, least, most](const std::string &given) {
    const char *end = given.data() + given.size();
    auto [rest, error] = std::from_chars(given.data(), end, value);
    if (given.empty() || error != std::errc() || rest != end || value < least ||
        value > most)
      fail(fmt::format("{}: expected an integer from {} to {}, got '{}'", name,
                       least, most, given));
  };
  options.push_back({std::move(name), std::move(meta), std::move(help), set});
  return *this;
}

CommandLine &CommandLine::number(std::string name, std::string meta,
                                 double &value, std::string help) {
  auto set = [this, name, &value](const std::string &given) {
    const char *end = given.data() + given.size();
    auto [rest, error] = std::from_chars(given.data(), end, value);
    if (given.empty() || error != std::errc() || rest != end ||
        !std::isfinite(value))
      fail(fmt::format("{}: expected a number, got '{}'", name, given));
  };
  options.push_back({std::move(name), std::move(meta), std::move(help), set});
  return *this;
}

CommandLine &CommandLine::choice(std::string name,
                                 std::vector<std::string> choices,
                                 std::string &value, std::string help) {
  std::string meta = fmt::format("{}", fmt::join(choices, "|"));
  auto set = [this, name, choices, &value](const std::string &given) {
    if (std::find(choices.begin(), choices.end(), given) == choices.end())
      fail(fmt::format("{}: expected one of {}, got '{}'", name,
                       fmt::join(choices, ", "), given));
    value = given;
  };
  options.push_back({std::move(name), std::move(meta), std::move(help), set});
  return *this;
}

const CommandLine::Option *CommandLine::find(const std::string &name) const {
  for (const Option &option : options)
    if (option.name == name)
      return &option;
  return nullptr;
}

/// Levenshtein distance.
static size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (char letter : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t change = diagonal + (letter != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
    }
  }
  return row.back();
}

void CommandLine::unknown(const std::string &name) const {
  const Option *closest = nullptr;
  size_t best = 3;
  for (const Option &option : options)
    if (size_t d = distance(name, option.name); d < best) {
      best = d;
      closest = &option;
    }
  fail(fmt::format("unknown option '{}'{}", name,
                   closest ? fmt::format("; did you mean '{}'?", closest->name)
                           : ""));
}

void CommandLine::printHelp() const {
  fmt::print("usage: {} {}\n\n{}\n\noptions:\n", tool, usage, summary);
  auto print = [](const std::string &name, const std::string &help) {
    fmt::print("  {}\n", name);
    size_t start = 0;
    while (start <= help.size()) {
      size_t end = std::min(help.find('\n', start), help.size());
      fmt::print("      {}\n", help.substr(start, end - start));
      start = end + 1;
    }
  };
  for (const Option &option : options)
    print(option.meta.empty()       ? option.name
          : option.name.size() == 2 ? option.name + " " + option.meta
                                    : option.name + "=" + option.meta,
          option.help);
  print("--help", "print this text");
  print("--version", "print the version");
}

bool CommandLine::parse(int argc, char **argv,
                        std::vector<std::string> &positional) {
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--") {
      positional.insert(positional.end(), argv + i + 1, argv + argc);
      return true;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      positional.push_back(argument);
      continue;
    }
    if (argument == "--help") {
      printHelp();
      return false;
    }
    if (argument == "--version") {
      fmt::print("{} {}\n", tool, versionString());
      return false;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    const Option *option = find(name);
    if (!option)
      unknown(name);
    if (option->meta.empty()) {
      if (equals != std::string::npos)
        fail(fmt::format("{} takes no value", name));
      option->set("");
    } else if (equals != std::string::npos) {
      option->set(argument.substr(equals + 1));
    } else if (++i < argc) {
      option->set(argv[i]);
    } else {
      fail(fmt::format("{} needs a value ({})", name, option->meta));
    }
  }
  return true;
}
