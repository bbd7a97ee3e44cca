//===- SelfTestTest.cpp - a package's own test vector ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Package/SelfTest.h"
#include "Fixture.h"

#include <cmath>

using namespace trine;
using namespace trine::test;

static SelfTest makeTest() {
  SelfTest test;
  test.entry = "forward";
  test.inputs = {{"tokens", "i32", {1, 3}, {1, 2, 3}}};
  test.outputs = {{"logits", "f32", {1, 4}, {0, 3}, {0.5, 100}, 0.01, 0.001}};
  return test;
}

TEST(SelfTestTest, GoesToJsonAndBack) {
  nlohmann::json json = makeTest().toJson();
  SelfTest back = SelfTest::parse(json.dump(), "a.trine");
  EXPECT_EQ(back.toJson(), json);
  std::vector<uint8_t> bytes = back.inputs[0].bytes();
  ASSERT_EQ(bytes.size(), 12u);
  EXPECT_EQ(reinterpret_cast<const int32_t *>(bytes.data())[2], 3);
}

TEST(SelfTestTest, Compares) {
  SelfTest::Output output = makeTest().outputs[0];
  float good[] = {0.505f, 7, 7, 100.1f};
  EXPECT_EQ(output.compare(good), "");
  float bad[] = {0.52f, 7, 7, 100.2f};
  EXPECT_NE(output.compare(bad).find("got 100.199997 at 3"), std::string::npos)
      << output.compare(bad);
  float nan[] = {NAN, 7, 7, 100};
  EXPECT_NE(output.compare(nan), "");
}

TEST(SelfTestTest, LiesAreRefused) {
  using Json = nlohmann::json;
  struct Lie {
    const char *pointer;
    Json value;
  };
  for (const Lie &lie :
       {Lie{"/entry", 1}, Lie{"/inputs", 1}, Lie{"/inputs/0", 1},
        Lie{"/inputs/0/shape/0", -1}, Lie{"/inputs/0/shape/0", 1 << 30},
        Lie{"/inputs/0/dtype", "f8"}, Lie{"/inputs/0/values/0", 0.5},
        Lie{"/inputs/0/values", Json::array()}, Lie{"/outputs", Json::array()},
        Lie{"/outputs/0/positions/0", 4}, Lie{"/outputs/0/positions/0", -1},
        Lie{"/outputs/0/positions", Json::array()},
        Lie{"/outputs/0/atol", "x"}}) {
    Json json = makeTest().toJson();
    json[Json::json_pointer(lie.pointer)] = lie.value;
    EXPECT_EQ(errorOf([&] { SelfTest::parse(json.dump(), "a.trine"); }).code,
              ExitCode::BadInput)
        << lie.pointer;
  }
}
