//===- CudaCodeTest.cpp - the section code.cuda, there and back -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Package/CudaCode.h"
#include "trine/Support/Error.h"
#include "gtest/gtest.h"

using namespace trine;

static CudaCode example() {
  CudaKernel kernel{.name = "k", .ptx = ".version 7.0"};
  CudaLaunch launch{.entry = "k_0", .threads = 256, .shared = 99};
  launch.grid[0] = {.times = 3, .per = 128, .dims = {0, 1}};
  kernel.launches = {launch};
  kernel.sizes = {0, 3};
  kernel.cubins["sm_80"] = std::string("\x7f"
                                       "ELF\0",
                                       5);
  kernel.scratch = {.times = 4, .dims = {0}};
  return {.arch = "sm_80", .kernels = {kernel}};
}

static CudaCode parse(const std::string &bytes) {
  return CudaCode::parse(
      {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, "f");
}

TEST(CudaCode, thereAndBack) {
  CudaCode code = parse(example().serialize());
  EXPECT_EQ(code.arch, "sm_80");
  const CudaKernel &kernel = code.kernels.at(0);
  EXPECT_EQ(kernel.ptx, ".version 7.0");
  EXPECT_EQ(kernel.cubins.at("sm_80").size(), 5u);
  const CudaLaunch &launch = kernel.launches.at(0);
  EXPECT_EQ(launch.entry, "k_0");
  EXPECT_EQ(kernel.sizes, (std::vector<uint32_t>{0, 3}));
  EXPECT_EQ(launch.threads, 256u);
  EXPECT_EQ(launch.shared, 99u);
  const int64_t dims[] = {2, 65};
  EXPECT_EQ(launch.grid[0].evaluate(dims), 6);
  EXPECT_EQ(launch.grid[1].evaluate(dims), 1);
  EXPECT_EQ(kernel.scratch.evaluate(dims), 8);
}

TEST(CudaCode, damaged) {
  std::string good = example().serialize();
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_THROW(parse(good.substr(0, size)), Error) << size;
  std::string other = good;
  other[7] = '2';
  EXPECT_THROW(parse(other), Error);
  const int64_t dims[] = {int64_t(1) << 40, int64_t(1) << 40};
  EXPECT_THROW(example().kernels[0].launches[0].grid[0].evaluate(dims), Error);
}
