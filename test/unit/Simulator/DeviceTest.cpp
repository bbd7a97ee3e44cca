//===- DeviceTest.cpp - the interface a driver is built on ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Simulator/PTX/Device.h"
#include "trine/Support/Error.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace trine;
using namespace trine::ptx;

static const char *const text = R"(.version 7.0
.target sm_80
.address_size 64
.global .align 4 .b32 counter = 5;
.const .align 8 .b64 pointer[1] = {generic(counter)};
.visible .entry twice(.param .u64 out, .param .u64 in, .param .u32 n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [in];
  ld.param.u32 %r1, [n];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %p1, %r5, %r1;
  @%p1 bra DONE;
  mad.wide.u32 %rd3, %r5, 4, %rd2;
  ld.global.u32 %r6, [%rd3];
  add.u32 %r6, %r6, %r6;
  mad.wide.u32 %rd4, %r5, 4, %rd1;
  st.global.u32 [%rd4], %r6;
DONE:
  ret;
}
.visible .entry count()
{
  .reg .b64 %rd<2>;
  ld.const.u64 %rd1, [pointer];
  red.add.u32 [%rd1], 1;
  ret;
}
)";

namespace {
class PtxDevice : public testing::Test {
protected:
  PtxDevice()
      : module(Module::parse(text, "test.ptx")), device(*findArch("sm_80")),
        loaded(device.load(module)) {}

  LaunchResult twice(uint64_t out, uint64_t in, uint32_t n,
                     LaunchOptions options) {
    std::vector<uint8_t> parameters(20);
    std::memcpy(parameters.data(), &out, 8);
    std::memcpy(parameters.data() + 8, &in, 8);
    std::memcpy(parameters.data() + 16, &n, 4);
    return device.launch(loaded.kernel("twice"), options, parameters);
  }

  template <class T> uint64_t upload(const std::vector<T> &values) {
    uint64_t address = device.allocate(values.size() * sizeof(T));
    device.write(address, {reinterpret_cast<const uint8_t *>(values.data()),
                           values.size() * sizeof(T)});
    return address;
  }

  Module module;
  Device device;
  LoadedModule loaded;
};
} // namespace

TEST_F(PtxDevice, KernelsAndTheirParametersAreKnown) {
  ASSERT_EQ(module.kernels().size(), 2u);
  const KernelInfo &info = module.kernel("twice");
  ASSERT_EQ(info.parameters.size(), 3u);
  EXPECT_EQ(info.parameters[2].name, "n");
  EXPECT_EQ(info.parameters[2].offset, 16u);
  EXPECT_EQ(info.parameterBytes, 20u);
  EXPECT_THROW(module.kernel("thrice"), Error);
  EXPECT_THROW(module.kernel(""), Error);
}

TEST_F(PtxDevice, ALaunchComputes) {
  std::vector<uint32_t> in(1000);
  for (uint32_t i = 0; i < in.size(); ++i)
    in[i] = i * i;
  uint64_t source = upload(in), out = device.allocate(4000);
  EXPECT_EQ(device.unwritten(out, 4000), 4000u);
  LaunchOptions options;
  options.grid.x = 8;
  options.block.x = 128;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    options.seed = seed;
    LaunchResult result = twice(out, source, 1000, options);
    ASSERT_FALSE(result.trap) << result.trap->what;
    EXPECT_EQ(device.unwritten(out, 4000), 0u);
    std::vector<uint32_t> got(1000);
    ASSERT_TRUE(device.read(
        out, {reinterpret_cast<uint8_t *>(got.data()), got.size() * 4}));
    for (uint32_t i = 0; i < 1000; ++i)
      ASSERT_EQ(got[i], 2 * i * i);
    // 8 blocks of 4 warps; the last one's lanes meet again at the end.
    EXPECT_EQ(result.opcodes["st.global.u32"], 32u);
    EXPECT_EQ(result.opcodes["ret"], 32u);
    EXPECT_EQ(result.globalSectors, 250u);
  }
}

TEST_F(PtxDevice, ATrapNamesThreadLineAndAddress) {
  uint64_t in = upload(std::vector<uint32_t>(40)), out = device.allocate(400);
  LaunchOptions options;
  options.block.x = 64;
  LaunchResult result = twice(out, in, 64, options);
  ASSERT_TRUE(result.trap);
  EXPECT_EQ(result.trap->kind, TrapKind::OutOfBounds);
  EXPECT_EQ(result.trap->line, 21u);
  EXPECT_EQ(result.trap->warp, 1u);
  EXPECT_EQ(result.trap->lane, 8u);
  EXPECT_EQ(result.trap->address, in + 160);
  // A device outlives a trap.
  EXPECT_FALSE(twice(out, in, 40, options).trap);
}

TEST_F(PtxDevice, FreedMemoryIsNotUsed) {
  uint64_t in = upload(std::vector<uint32_t>(32)), out = device.allocate(128);
  EXPECT_TRUE(device.release(in));
  EXPECT_FALSE(device.release(in));
  EXPECT_FALSE(device.release(out + 4));
  LaunchOptions options;
  options.block.x = 32;
  LaunchResult result = twice(out, in, 32, options);
  ASSERT_TRUE(result.trap);
  EXPECT_NE(result.trap->what.find("freed"), std::string::npos);
  EXPECT_GT(device.allocate(128), out);
}

TEST_F(PtxDevice, UnwrittenValuesAreFollowedThroughCopies) {
  uint64_t in = device.allocate(128), out = device.allocate(128);
  uint32_t one = 1;
  device.write(in + 64, {reinterpret_cast<const uint8_t *>(&one), 4});
  LaunchOptions options;
  options.block.x = 32;
  ASSERT_FALSE(twice(out, in, 32, options).trap);
  EXPECT_EQ(device.unwritten(out, 128), 124u);
  EXPECT_EQ(device.unwritten(out + 64, 4), 0u);
}

TEST_F(PtxDevice, CopiesStayWithinAnAllocation) {
  uint64_t address = device.allocate(16);
  std::vector<uint8_t> bytes(17);
  EXPECT_FALSE(device.write(address, bytes));
  EXPECT_FALSE(device.read(address + 1, std::span(bytes).first(16)));
  EXPECT_FALSE(device.fill(address, 17, 0));
  EXPECT_FALSE(device.write(0, std::span(bytes).first(1)));
  EXPECT_TRUE(device.fill(address, 16, 7));
  EXPECT_TRUE(device.read(address, std::span(bytes).first(16)));
  EXPECT_EQ(bytes[15], 7);
  EXPECT_NE(device.allocate(0), 0u);
}

TEST_F(PtxDevice, VariablesHaveAddressesAndValues) {
  std::optional<LoadedModule::Global> counter = loaded.global("counter");
  ASSERT_TRUE(counter);
  EXPECT_FALSE(loaded.global("other"));
  LaunchOptions options;
  options.grid.x = 3;
  options.block.x = 50;
  ASSERT_FALSE(device.launch(loaded.kernel("count"), options, {}).trap);
  uint32_t value = 0;
  device.read(counter->address, {reinterpret_cast<uint8_t *>(&value), 4});
  EXPECT_EQ(value, 5u + 3 * 50);
}

TEST_F(PtxDevice, WhatADriverRefusesIsAnError) {
  LaunchOptions options;
  const Program &count = loaded.kernel("count");
  options.block = {32, 33, 1};
  EXPECT_THROW(device.launch(count, options, {}), Error);
  options.block = {32, 1, 1};
  options.grid = {1, 65536, 1};
  EXPECT_THROW(device.launch(count, options, {}), Error);
  options.grid = {1, 1, 1};
  options.dynamicShared = 164 << 10;
  EXPECT_THROW(device.launch(count, options, {}), Error);
  options.dynamicShared = 0;
  std::vector<uint8_t> tooMany(8);
  EXPECT_THROW(device.launch(count, options, tooMany), Error);
}

TEST(PtxModule, HostileTextIsAnError) {
  const std::string head = ".version 7.0\n.target sm_80\n";
  for (const char *body :
       {".entry", ".entry f(", ".entry f() {", ".entry f() { @", "{", "/*",
        ".global .b32 x[9999999999999999];", ".global .align 3 .b32 x;",
        ".entry f() { .reg .b32 %r<99999999>; }", ".global .b32 x = {1, ;",
        ".entry f() { mov.u32 0x; }", ".global .b32 x = y;", "\"",
        ".entry f() { [", ".entry f() { a: a: }",
        ".entry f() { mov.u32 {{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
        ".global .b8 x[1] = {{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
        ".global .pred p;", ".section .x {"})
    EXPECT_THROW(Module::parse(head + body, "hostile.ptx"), Error) << body;
  EXPECT_THROW(Module::parse("", "empty.ptx"), Error);
  EXPECT_THROW(Module::parse(".version 7", "v.ptx"), Error);
}

TEST(PtxModule, InliningIsBounded) {
  std::string text = ".version 7.0\n.target sm_80\n.func f0() { membar.cta; }";
  for (int i = 1; i < 40; ++i)
    text += fmt::format(".func f{0}() {{ call f{1}; call f{1}; }}", i, i - 1);
  text += ".entry k() { call f39; ret; }";
  Module module = Module::parse(text, "deep.ptx");
  Device device(*findArch("sm_80"));
  EXPECT_THROW(device.load(module), Error);
}
