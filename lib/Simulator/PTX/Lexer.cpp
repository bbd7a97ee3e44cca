//===- Lexer.cpp - tokens of PTX ------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lexer.h"

#include <bit>
#include <charconv>

using namespace trine;
using namespace trine::ptx;

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '$' || c == '%' || c == '.';
}

void Lexer::skipSpace() {
  while (at < text.size()) {
    std::string_view rest = text.substr(at);
    if (rest.starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (rest.starts_with("/*")) {
      size_t end = text.find("*/", at + 2);
      if (end == std::string_view::npos)
        throw faultAt(line, "expected */ to end the comment, got the end");
      for (; at < end + 2; ++at)
        line += text[at] == '\n';
    } else if (text[at] == '\n' || text[at] == ' ' || text[at] == '\t' ||
               text[at] == '\r') {
      line += text[at++] == '\n';
    } else {
      return;
    }
  }
}

void Lexer::number() {
  size_t begin = at;
  std::string_view rest = text.substr(at);
  auto parse = [&](size_t skip, int base) {
    const char *first = rest.data() + skip, *last = rest.data() + rest.size();
    auto [end, error] = std::from_chars(first, last, token.bits, base);
    if (error != std::errc() || end == first)
      throw faultAt(line, "expected a number, got '{}'", rest.substr(0, 20));
    at = size_t(end - text.data());
  };
  auto isPrefix = [&](char lower, char upper) {
    return rest.size() > 2 && rest[0] == '0' &&
           (rest[1] == lower || rest[1] == upper);
  };
  token.kind = Token::Integer;
  if (isPrefix('x', 'X')) {
    parse(2, 16);
  } else if (isPrefix('b', 'B')) {
    parse(2, 2);
  } else if (isPrefix('f', 'F') || isPrefix('d', 'D')) {
    bool wide = rest[1] == 'd' || rest[1] == 'D';
    parse(2, 16);
    if (at - begin != (wide ? 18 : 10))
      throw faultAt(line, "expected {} hexadecimal digits, got '{}'",
                    wide ? 16 : 8, text.substr(begin, at - begin));
    token.kind = wide ? Token::F64 : Token::F32;
  } else {
    size_t end = rest.find_first_not_of("0123456789");
    char next = end == std::string_view::npos ? ' ' : rest[end];
    if (next == '.' || next == 'e' || next == 'E') {
      double value = 0;
      auto [stop, error] =
          std::from_chars(rest.data(), rest.data() + rest.size(), value);
      if (error != std::errc())
        throw faultAt(line, "expected a number, got '{}'", rest.substr(0, 20));
      at = size_t(stop - text.data());
      token.kind = Token::F64;
      token.bits = std::bit_cast<uint64_t>(value);
    } else {
      parse(0, rest[0] == '0' && end != 1 ? 8 : 10);
    }
  }
  if (at < text.size() && text[at] == 'U')
    ++at;
  token.text = text.substr(begin, at - begin);
}

void Lexer::advance() {
  skipSpace();
  token = {};
  token.line = line;
  if (at == text.size())
    return;
  size_t begin = at;
  char c = text[at];
  bool dotted = c == '.' && at + 1 < text.size() && !isWordStart(text[at + 1]);
  if (isDigit(c)) {
    number();
    return;
  }
  if (c == '"') {
    size_t end = text.find('"', at + 1);
    if (end == std::string_view::npos)
      throw faultAt(line, "expected a closing quote, got the end");
    token.kind = Token::String;
    token.text = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return;
  }
  if (isWordStart(c) && !dotted) {
    token.kind = Token::Word;
    ++at;
    while (at < text.size()) {
      // Directives stand alone: ".reg.b32" is two words.
      if (c == '.' && text[at] == '.')
        break;
      if (isWordStart(text[at]) || isDigit(text[at]))
        ++at;
      else if (text.substr(at).starts_with("::"))
        at += 2;
      else
        break;
    }
  } else {
    token.kind = Token::Punctuation;
    ++at;
  }
  token.text = text.substr(begin, at - begin);
}

Token Lexer::take() {
  Token taken = token;
  advance();
  return taken;
}

bool Lexer::accept(std::string_view what) {
  if ((token.kind != Token::Punctuation && token.kind != Token::Word) ||
      token.text != what)
    return false;
  advance();
  return true;
}

void Lexer::expect(std::string_view what) {
  if (!accept(what))
    throw expected(fmt::format("'{}'", what));
}

Error Lexer::expected(std::string_view what) const {
  if (token.kind == Token::End)
    return fault("expected {}, got the end of the file", what);
  return fault("expected {}, got '{}'", what, token.text.substr(0, 60));
}

std::string_view Lexer::word(std::string_view what) {
  if (token.kind != Token::Word)
    throw expected(what);
  return take().text;
}

uint64_t Lexer::integer(std::string_view what) {
  bool negative = accept("-");
  if (token.kind != Token::Integer)
    throw expected(what);
  uint64_t value = take().bits;
  return negative ? 0 - value : value;
}

void Lexer::skipLine(uint32_t number) {
  while (token.kind != Token::End && token.line == number)
    advance();
}

void Lexer::skipBlock() {
  expect("{");
  for (int depth = 1; depth > 0;) {
    if (token.kind == Token::End)
      throw expected("'}'");
    depth += token.text == "{" ? 1 : token.text == "}" ? -1 : 0;
    advance();
  }
}
