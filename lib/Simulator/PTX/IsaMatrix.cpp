//===- IsaMatrix.cpp - ldmatrix, stmatrix, movmatrix ----------------------===//
// A matrix is 8 rows of 8 elements of 16 bits. Lane 4g + t holds elements 2t
// and 2t + 1 of row g, or with .trans of column g. Part of Trine, under
// Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "InstructionSet.h"
#include "Lanes.h"

#include <fmt/format.h>

using namespace trine::ptx;

namespace {

constexpr unsigned rowSize = 16; ///< bytes

struct Matrix {
  uint16_t at[8][8];
  bool good[8][8];
};

void needAll(Warp &warp, Mask active) {
  if (active != fullMask)
    warp.trap(TrapKind::DivergentSync, ~active, 0,
              fmt::format("expected all 32 lanes, got {:#x}", active));
}

/// The lanes that give addresses of rows.
Mask addressLanes(unsigned matrices) {
  return matrices == 4 ? fullMask : (Mask(1) << 8 * matrices) - 1;
}

template <bool transposed>
void distribute(Warp &warp, const Operand &to, const Matrix &matrix) {
  auto *d = warp.lanes<uint32_t>(to);
  Mask good = 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    unsigned g = lane / 4, t = lane % 4 * 2;
    unsigned r0 = transposed ? t : g, c0 = transposed ? g : t;
    unsigned r1 = transposed ? t + 1 : g, c1 = transposed ? g : t + 1;
    d[lane] = matrix.at[r0][c0] | uint32_t(matrix.at[r1][c1]) << 16;
    good |= Mask(matrix.good[r0][c0] && matrix.good[r1][c1]) << lane;
  }
  warp.define(to, fullMask, good);
}

template <bool transposed>
void collect(Warp &warp, const Operand &from, Matrix &matrix) {
  const auto *a = warp.lanes<uint32_t>(from);
  Mask known = warp.definedness(from);
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    unsigned g = lane / 4, t = lane % 4 * 2;
    for (unsigned k = 0; k < 2; ++k) {
      unsigned row = transposed ? t + k : g, column = transposed ? g : t + k;
      matrix.at[row][column] = uint16_t(a[lane] >> 16 * k);
      matrix.good[row][column] = known >> lane & 1;
    }
  }
}

template <bool transposed>
void load(Warp &warp, const Instruction &i, Mask active) {
  needAll(warp, active);
  unsigned matrices = i.written;
  Access access(warp, i, i.operands[matrices], addressLanes(matrices), rowSize,
                Use::Read);
  for (unsigned k = 0; k < matrices; ++k) {
    Matrix matrix;
    for (unsigned row = 0; row < 8; ++row) {
      unsigned lane = 8 * k + row;
      bool whole = access.read(lane, matrix.at[row], rowSize);
      const uint8_t *valid = access[lane].valid;
      for (unsigned c = 0; c < 8; ++c)
        matrix.good[row][c] = whole || (valid[c * 2UL] && valid[c * 2UL + 1]);
    }
    distribute<transposed>(warp, i.operands[k], matrix);
  }
}

template <bool transposed>
void store(Warp &warp, const Instruction &i, Mask active) {
  needAll(warp, active);
  unsigned matrices = i.count - 1u;
  Access access(warp, i, i.operands[0], addressLanes(matrices), rowSize,
                Use::Write);
  for (unsigned k = 0; k < matrices; ++k) {
    Matrix matrix;
    collect<transposed>(warp, i.operands[1 + k], matrix);
    for (unsigned row = 0; row < 8; ++row) {
      unsigned lane = 8 * k + row;
      access.write(lane, matrix.at[row], true, rowSize);
      if (uint8_t *valid = access[lane].valid)
        for (unsigned c = 0; c < 8; ++c)
          valid[c * 2UL] = valid[c * 2UL + 1] = matrix.good[row][c];
    }
  }
}

void transpose(Warp &warp, const Instruction &i, Mask active) {
  needAll(warp, active);
  Matrix matrix;
  collect<false>(warp, i.operands[1], matrix);
  distribute<true>(warp, i.operands[0], matrix);
}

Handler selectLoad(const Modifiers &m, Instruction &i) {
  i.space = Space::Shared;
  return m.has("trans") ? load<true> : load<false>;
}
Handler selectStore(const Modifiers &m, Instruction &i) {
  i.space = Space::Shared;
  return m.has("trans") ? store<true> : store<false>;
}

#define FORM(ROOT, COUNT, OPERANDS, ARCH, VERSION, SELECT)                     \
  {ROOT ".sync.aligned.m8n8." COUNT "[.trans][.shared|shared::cta].b16",       \
   OPERANDS,                                                                   \
   ARCH,                                                                       \
   VERSION,                                                                    \
   SELECT,                                                                     \
   Flow::Own,                                                                  \
   Gather::Live}

constexpr Form forms[] = {
    FORM("ldmatrix", "x1", "=b32 []", 75, 65, selectLoad),
    FORM("ldmatrix", "x2", "=2*b32 []", 75, 65, selectLoad),
    FORM("ldmatrix", "x4", "=4*b32 []", 75, 65, selectLoad),
    FORM("stmatrix", "x1", "[] b32", 90, 78, selectStore),
    FORM("stmatrix", "x2", "[] 2*b32", 90, 78, selectStore),
    FORM("stmatrix", "x4", "[] 4*b32", 90, 78, selectStore),
    {"movmatrix.sync.aligned.m8n8.trans.b16", "=b32 b32", 75, 78,
     fixed<transpose>, Flow::Own, Gather::Live},
};

} // namespace

std::span<const Form> trine::ptx::matrixForms() { return forms; }
