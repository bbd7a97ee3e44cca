//===- IsaWmma.cpp - wmma: matrices in fragments of no fixed layout -------===//
// The specification leaves open which lane has which element. Here lane l has
// elements l * n … l * n + n - 1 of the matrix, row by row; what registers are
// left repeats them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Format.h"
#include "InstructionSet.h"
#include "Lanes.h"

#include <algorithm>

using namespace trine::ptx;

namespace {

/// Instruction::flags.
struct Shape {
  uint32_t m : 6, n : 6, k : 5;
  uint32_t type : 6;   ///< of the fragment, or of a and b
  uint32_t result : 6; ///< of c and d
  uint32_t columns : 1, matrix : 2;
};
static_assert(sizeof(Shape) == 4);

enum MatrixName : uint32_t { A, B, C };

Shape shapeOf(const Instruction &i) { return std::bit_cast<Shape>(i.flags); }

unsigned rowsOf(Shape shape) { return shape.matrix == B ? shape.k : shape.m; }
unsigned columnsOf(Shape shape) {
  return shape.matrix == A ? shape.k : shape.n;
}

void readShape(const Modifiers &m, Shape &shape) {
  static constexpr struct {
    const char *name;
    uint32_t m, n, k;
  } shapes[] = {{"m16n16k16", 16, 16, 16},
                {"m32n8k16", 32, 8, 16},
                {"m8n32k16", 8, 32, 16},
                {"m16n16k8", 16, 16, 8}};
  for (const auto &row : shapes)
    if (m.has(row.name)) {
      shape.m = row.m & 63;
      shape.n = row.n & 63;
      shape.k = row.k & 31;
    }
}

/// Bytes in memory.
unsigned sizeOf(Type type) { return type == Type::TF32 ? 4 : bytesOf(type); }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Addresses of element `j` of each lane.
void elementAddresses(Warp &warp, const Instruction &i, unsigned pointer,
                      unsigned j, uint64_t *addresses) {
  Shape shape = shapeOf(i);
  const Operand &base = i.operands[pointer];
  warp.need(base, fullMask, "an address");
  unsigned columns = columnsOf(shape), rows = rowsOf(shape);
  unsigned perLane = rows * columns / warpSize;
  // A load ends with its address; a store has 4 or 8 registers after it.
  bool strided = i.written ? i.count > i.written + 1u : i.count % 2 == 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    unsigned element = lane * perLane + j;
    uint64_t row = element / columns, column = element % columns;
    uint64_t stride = shape.columns ? rows : columns;
    if (strided)
      stride = warp.lanes<uint32_t>(i.operands[i.count - 1])[lane];
    uint64_t offset =
        shape.columns ? column * stride + row : row * stride + column;
    uint64_t start = base.bytes == 8 ? warp.lanes<uint64_t>(base)[lane]
                                     : warp.lanes<uint32_t>(base)[lane];
    addresses[lane] =
        start + uint64_t(base.offset) + offset * sizeOf(Type(shape.type));
  }
}

void load(Warp &warp, const Instruction &i, Mask active) {
  Shape shape = shapeOf(i);
  unsigned size = sizeOf(Type(shape.type)), inRegister = 4 / size;
  unsigned perLane = rowsOf(shape) * columnsOf(shape) / warpSize;
  for (unsigned r = 0; r < i.written; ++r)
    warp.define(i.operands[r], fullMask);
  for (unsigned slot = 0; slot < i.written * inRegister; ++slot) {
    uint64_t addresses[warpSize];
    elementAddresses(warp, i, i.written, slot % perLane, addresses);
    Access access(warp, addresses, active, size, Use::Read, i.space, size);
    const Operand &to = i.operands[slot / inRegister];
    auto *words = warp.lanes<uint32_t>(to);
    unsigned shift = 8 * size * (slot % inRegister);
    eachLane(active, [&](unsigned lane) {
      uint32_t value = 0;
      if (!access.read(lane, &value, size))
        warp.definedness(to) &= ~(Mask(1) << lane);
      words[lane] = (shift ? words[lane] : 0) | value << shift;
    });
  }
}

void store(Warp &warp, const Instruction &i, Mask active) {
  Shape shape = shapeOf(i);
  unsigned size = sizeOf(Type(shape.type)), inRegister = 4 / size;
  unsigned perLane = rowsOf(shape) * columnsOf(shape) / warpSize;
  for (unsigned j = 0; j < perLane; ++j) {
    uint64_t addresses[warpSize];
    elementAddresses(warp, i, 0, j, addresses);
    Access access(warp, addresses, active, size, Use::Write, i.space, size);
    const Operand &from = i.operands[1 + j / inRegister];
    eachLane(active, [&](unsigned lane) {
      uint32_t value =
          warp.lanes<uint32_t>(from)[lane] >> 8 * size * (j % inRegister);
      access.write(lane, &value, warp.definedness(from) >> lane & 1, size);
    });
  }
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

double valueOf(Type type, uint32_t bits) {
  switch (type) {
  case Type::S8:
    return int8_t(bits);
  case Type::U8:
    return uint8_t(bits);
  case Type::S32:
    return int32_t(bits);
  case Type::TF32:
    return decode(*formatOf(Type::F32), bits & ~0x1fffu);
  case Type::F16:
  case Type::BF16:
    return decode(*formatOf(type), bits & 0xffff);
  default:
    return std::bit_cast<float>(bits);
  }
}

/// Elements of a fragment, row by row.
void gather(Warp &warp, const Operand *registers, Type type, unsigned count,
            double *to) {
  unsigned size = sizeOf(type), inRegister = 4 / size;
  unsigned perLane = count / warpSize;
  for (unsigned e = 0; e < count; ++e) {
    unsigned lane = e / perLane, j = e % perLane;
    uint32_t word = warp.lanes<uint32_t>(registers[j / inRegister])[lane];
    to[e] = valueOf(type, word >> 8 * size * (j % inRegister));
  }
}

void scatter(Warp &warp, const Operand *registers, Type type, unsigned count,
             const double *from) {
  unsigned perLane = count / warpSize, inRegister = type == Type::F16 ? 2 : 1;
  for (unsigned e = 0; e < count; ++e) {
    unsigned lane = e / perLane, j = e % perLane;
    uint32_t &word = warp.lanes<uint32_t>(registers[j / inRegister])[lane];
    if (type == Type::S32)
      word = uint32_t(int64_t(from[e]));
    else if (type == Type::F16)
      word = (j % 2 ? word & 0xffff : 0) |
             encode(*formatOf(type), from[e], Round::Nearest, false)
                 << 16 * (j % 2);
    else
      word = encode(*formatOf(Type::F32), from[e], Round::Nearest, false);
  }
}

void product(Warp &warp, const Instruction &i, Mask) {
  Shape shape = shapeOf(i);
  auto in = Type(shape.type), out = Type(shape.result);
  unsigned inD = i.written, inA = 0, inB = 0;
  unsigned elements = 4 / sizeOf(in) * warpSize; // of a register
  inA = std::max(shape.m * shape.k / elements, 1u);
  inB = std::max(shape.k * shape.n / elements, 1u);
  if (in == Type::F16) // twice what is needed
    inA = inB = 8;
  double a[32 * 16], b[16 * 32], sums[256];
  gather(warp, i.operands + inD, in, shape.m * shape.k, a);
  gather(warp, i.operands + inD + inA, in, shape.k * shape.n, b);
  gather(warp, i.operands + inD + inA + inB, out, shape.m * shape.n, sums);
  for (unsigned r = 0; r < shape.m; ++r)
    for (unsigned k = 0; k < shape.k; ++k)
      for (unsigned c = 0; c < shape.n; ++c)
        sums[r * shape.n + c] += a[r * shape.k + k] * b[k * shape.n + c];
  scatter(warp, i.operands, out, shape.m * shape.n, sums);
  Mask known = fullMask;
  for (unsigned k = inD; k < i.count; ++k)
    known &= warp.definedness(i.operands[k]);
  for (unsigned k = 0; k < inD; ++k)
    warp.define(i.operands[k], fullMask, known == fullMask ? fullMask : 0);
}

template <Handler handler> Handler memory(const Modifiers &m, Instruction &i) {
  Shape shape = {};
  readShape(m, shape);
  shape.type = uint32_t(m.type()) & 63;
  shape.columns = m.has("col");
  shape.matrix = m.has("a") ? A : m.has("b") ? B : C;
  i.flags = std::bit_cast<uint32_t>(shape);
  return handler;
}
Handler selectProduct(const Modifiers &m, Instruction &i) {
  Shape shape = {};
  readShape(m, shape);
  // .d.c alone: a and b are f16.
  bool half = m.type(1) == Type::F32 || m.type(1) == Type::F16;
  shape.type = uint32_t(half ? Type::F16 : m.type(1)) & 63;
  shape.result = uint32_t(m.type(0)) & 63;
  i.flags = std::bit_cast<uint32_t>(shape);
  return product;
}

#define SPACE "[.global|shared|shared::cta]"
#define LOAD(MATRIX, SHAPE, TYPE, OPERANDS)                                    \
  {"wmma.load." MATRIX ".sync.aligned.(row|col)." SHAPE SPACE TYPE,            \
   OPERANDS,                                                                   \
   70,                                                                         \
   60,                                                                         \
   memory<load>,                                                               \
   Flow::Own,                                                                  \
   Gather::Live}
#define STORE(TYPE, OPERANDS)                                                  \
  {"wmma.store.d.sync.aligned.(row|col)." ANY "" SPACE TYPE,                   \
   OPERANDS,                                                                   \
   70,                                                                         \
   60,                                                                         \
   memory<store>,                                                              \
   Flow::Own,                                                                  \
   Gather::Live}
#define MMA(SHAPE, TYPES, OPERANDS)                                            \
  {"wmma.mma.sync.aligned.(row|col).(row|col)." SHAPE TYPES,                   \
   OPERANDS,                                                                   \
   70,                                                                         \
   60,                                                                         \
   selectProduct,                                                              \
   Flow::Own,                                                                  \
   Gather::Live}
#define SQUARE "m16n16k16"
#define TALL "m32n8k16"
#define FLAT "m8n32k16"
#define ALL "(m16n16k16|m32n8k16|m8n32k16)"
#define ANY "(m16n16k16|m32n8k16|m8n32k16|m16n16k8)"

constexpr Form forms[] = {
    LOAD("(a|b)", ALL, ".f16", "=8*b32 [] u32?"),
    LOAD("c", ANY, ".(f32|s32)", "=8*b32 [] u32?"),
    LOAD("c", ALL, ".f16", "=4*b32 [] u32?"),
    LOAD("(a|b)", SQUARE, ".bf16", "=4*b32 [] u32?"),
    LOAD("a", TALL, ".bf16", "=8*b32 [] u32?"),
    LOAD("b", TALL, ".bf16", "=2*b32 [] u32?"),
    LOAD("a", FLAT, ".bf16", "=2*b32 [] u32?"),
    LOAD("b", FLAT, ".bf16", "=8*b32 [] u32?"),
    LOAD("(a|b)", SQUARE, ".(s8|u8)", "=2*b32 [] u32?"),
    LOAD("a", TALL, ".(s8|u8)", "=4*b32 [] u32?"),
    LOAD("b", TALL, ".(s8|u8)", "=b32 [] u32?"),
    LOAD("a", FLAT, ".(s8|u8)", "=b32 [] u32?"),
    LOAD("b", FLAT, ".(s8|u8)", "=4*b32 [] u32?"),
    LOAD("(a|b)", "m16n16k8", ".tf32", "=4*b32 [] u32?"),
    STORE(".(f32|s32)", "[] 8*b32 u32?"),
    STORE(".f16", "[] 4*b32 u32?"),
    MMA(ALL, ".f32.f32", "=8*b32 8*b32 8*b32 8*b32"),
    MMA(ALL, ".f16.f16", "=4*b32 8*b32 8*b32 4*b32"),
    MMA(SQUARE, ".f32.bf16.bf16.f32", "=8*b32 4*b32 4*b32 8*b32"),
    MMA(TALL, ".f32.bf16.bf16.f32", "=8*b32 8*b32 2*b32 8*b32"),
    MMA(FLAT, ".f32.bf16.bf16.f32", "=8*b32 2*b32 8*b32 8*b32"),
    MMA(SQUARE, ".s32.(s8|u8).(s8|u8).s32", "=8*b32 2*b32 2*b32 8*b32"),
    MMA(TALL, ".s32.(s8|u8).(s8|u8).s32", "=8*b32 4*b32 b32 8*b32"),
    MMA(FLAT, ".s32.(s8|u8).(s8|u8).s32", "=8*b32 b32 4*b32 8*b32"),
    MMA("m16n16k8", ".f32.tf32.tf32.f32", "=8*b32 4*b32 4*b32 8*b32"),
};

} // namespace

std::span<const Form> trine::ptx::wmmaForms() { return forms; }
