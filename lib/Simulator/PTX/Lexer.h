//===- Lexer.h - tokens of PTX ----------------------------------*- C++ -*-===//
// A word keeps its dots and double colons, so that an opcode with all its
// modifiers is one token; comments are skipped.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Error.h"

#include <string_view>

namespace trine::ptx {

struct Token {
  enum Kind : uint8_t { End, Word, Integer, F32, F64, String, Punctuation };
  Kind kind = End;
  uint32_t line = 1;
  std::string_view text;
  uint64_t bits = 0; ///< of a number
};

class Lexer {
public:
  Lexer(std::string_view text, const std::string &file)
      : text(text), file(file) {
    advance();
  }

  const Token &peek() const { return token; }
  Token take();
  bool accept(std::string_view punctuationOrWord);
  void expect(std::string_view punctuationOrWord);
  std::string_view word(std::string_view what);
  uint64_t integer(std::string_view what);
  /// Skips what is left of a line: .file, .loc.
  void skipLine(uint32_t number);
  /// Skips a block with its braces.
  void skipBlock();

  template <typename... Args>
  Error fault(fmt::format_string<Args...> what, Args &&...args) const {
    return faultAt(token.line, what, std::forward<Args>(args)...);
  }
  template <typename... Args>
  Error faultAt(uint32_t line, fmt::format_string<Args...> what,
                Args &&...args) const {
    return Error(ExitCode::BadInput, fmt::format("{}:{}", file, line),
                 fmt::format(what, std::forward<Args>(args)...));
  }
  /// "expected X, got Y", Y being the next token.
  Error expected(std::string_view what) const;

private:
  void advance();
  void skipSpace();
  void number();

  std::string_view text;
  const std::string &file;
  size_t at = 0;
  uint32_t line = 1;
  Token token;
};

} // namespace trine::ptx
