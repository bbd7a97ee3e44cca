//===- JsonTest.cpp - guarded JSON ----------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Json.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

static JsonReader reader(const std::string &text) {
  return JsonReader("config.json", parseJson(text, "config.json"));
}

TEST(Json, ReadsTypedValues) {
  JsonReader r = reader(R"({"i":-3,"whole":8.0,"million":1e6,"f":0.5,"b":true,
      "s":"x","is":[1,2],"fs":[1,2.5],"ss":["a"],"n":null,"o":{"k":1}})");
  EXPECT_EQ(r.get<int64_t>("i"), -3);
  EXPECT_EQ(r.get<int64_t>("whole"), 8);
  EXPECT_EQ(r.positive("million"), 1000000);
  EXPECT_EQ(r.get<double>("f"), 0.5);
  EXPECT_EQ(r.get<double>("i"), -3.0);
  EXPECT_TRUE(r.get<bool>("b"));
  EXPECT_EQ(r.get<std::string>("s"), "x");
  EXPECT_EQ(r.get<std::vector<int64_t>>("is"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(r.get<std::vector<double>>("fs"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(r.get<std::vector<std::string>>("ss"),
            std::vector<std::string>{"a"});
  EXPECT_FALSE(r.has("n"));
  EXPECT_EQ(r.get<int64_t>("n", 5), 5);
  EXPECT_EQ(r.positive("absent", 7), 7);
  EXPECT_EQ(r.object("o")->get<int64_t>("k"), 1);
  EXPECT_FALSE(r.object("absent"));
}

TEST(Json, ErrorsNameFileKeyAndValue) {
  JsonReader r = reader(R"({"hidden_size":"abc","zero":0,"big":4294967296,
      "huge":18446744073709551615,"half":0.5,"list":[1,"a"],
      "o":{"k":[]},"long":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      })");
  struct Case {
    const char *key, *message;
  };
  for (const Case &c : std::vector<Case>{
           {"hidden_size",
            "config.json: 'hidden_size': expected a positive integer below "
            "2^31, got \"abc\""},
           {"zero", "'zero': expected a positive integer below 2^31, got 0"},
           {"big", "got 4294967296"},
           {"huge", "got 18446744073709551615"},
           {"half", "got 0.5"},
           {"absent", "config.json: 'absent' is missing"}})
    expectError(ExitCode::BadInput, c.message, [&] { r.positive(c.key); });
  expectError(ExitCode::BadInput,
              "'list': expected a list, each element an integer, got [1,\"a\"]",
              [&] { r.get<std::vector<int64_t>>("list"); });
  expectError(ExitCode::BadInput, "'o.k': expected a string, got []",
              [&] { r.object("o")->get<std::string>("k"); });
  expectError(ExitCode::BadInput, "'list': expected an object",
              [&] { r.object("list"); });
  expectError(ExitCode::BadInput, "expected a number, got an object",
              [&] { r.get<double>("o"); });
}

TEST(Json, RefusesHostileText) {
  struct Case {
    std::string text, message;
  };
  for (const Case &c : std::vector<Case>{
           {"", "config.json: malformed JSON: parse error at line 1"},
           {"{\"a\":1", "malformed JSON"},
           {"{\"a\":NaN}", "malformed JSON"},
           {"{\"a\":1e999}", "malformed JSON: number overflow"},
           {"{\"a\":\"\xff\"}", "malformed JSON"},
           {"{} x", "malformed JSON"},
           {std::string(100000, '['), "nested more than 64 levels"},
           {"[1]", "expected a JSON object, got [1]"}})
    expectError(ExitCode::BadInput, c.message, [&] { reader(c.text); });
  std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_TRUE(parseJson(deep, "f").is_array());
}

TEST(Json, DuplicateKeys) {
  std::string text = R"({"a":{"k":1},"b":{"k":1},"a":2})";
  EXPECT_EQ(parseJson(text, "f")["a"], 2);
  expectError(ExitCode::BadInput, "f: key \"a\" appears twice",
              [&] { parseJson(text, "f", DuplicateKeys::Refuse); });
}
