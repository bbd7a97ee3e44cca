//===- SizesTest.cpp - affine expressions as polynomials ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/Sizes.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace trine;

namespace {
struct SizesTest : testing::Test {
  MLIRContext context;
  AffineExpr B = getAffineSymbolExpr(0, &context);
  AffineExpr S = getAffineSymbolExpr(1, &context);

  static int64_t at(const std::optional<Size> &size, int64_t b, int64_t s) {
    return size ? size->evaluate({b, s}) : -1;
  }
};

TEST_F(SizesTest, ProductsAndSumsAreExact) {
  AffineExpr size = (B * S * 576 + B) * 4 + 7;
  std::optional<Size> exact = exactSize(size);
  for (int64_t b : {0, 1, 3})
    for (int64_t s : {0, 1, 129})
      EXPECT_EQ(at(exact, b, s), (b * s * 576 + b) * 4 + 7);
  EXPECT_EQ(exactSize(S)->asSymbol(), 1u);
  EXPECT_EQ(exactSize(S - S + 12)->asConstant(), 12);
}

TEST_F(SizesTest, DivisionWithoutRemainderIsExact) {
  EXPECT_EQ(at(exactSize((B * S * 576).floorDiv(64)), 2, 5), 90);
  EXPECT_EQ(at(exactSize((B * S * 576).ceilDiv(64)), 2, 5), 90);
}

TEST_F(SizesTest, PaddingIsBounded) {
  AffineExpr padded = B * 3 * (S.ceilDiv(32) * 32) * 64 * 4;
  EXPECT_FALSE(exactSize(padded));
  std::optional<Size> bound = boundingSize(padded);
  for (int64_t s = 0; s < 200; ++s) {
    int64_t needed = 2 * 3 * ((s + 31) / 32 * 32) * 64 * 4;
    EXPECT_GE(at(bound, 2, s), needed);
    EXPECT_LE(at(bound, 2, s), 2 * 3 * (s + 31) * 64 * 4);
  }
}

TEST_F(SizesTest, NoPolynomial) {
  EXPECT_FALSE(exactSize(S % 3));
  EXPECT_FALSE(boundingSize(S % 3));
  AffineExpr huge = getAffineConstantExpr(int64_t(1) << 62, &context);
  EXPECT_FALSE(exactSize((B * huge + 1) * (S * huge + 1)));
}
} // namespace
