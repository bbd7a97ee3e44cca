//===- Attention.h - fused attention ----------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Family.h"

namespace trine::cuda {

/// What the kernels of attention have in common: which keys a query attends.
/// Query [B, S, Hq, D], key [B, T, Hkv, D], value [B, T, Hkv, Dv].
class Attention {
public:
  Attention(KernelEmitter &emitter, graph::AttentionOp op);

  KernelEmitter &e;
  graph::AttentionOp op;
  const Tensor &q, &k, &v, &out;
  int64_t heads, groups, perGroup; ///< query heads, key heads, queries of each
  int64_t depth, valueDepth;
  double scale; ///< of a product, for exponentials of 2; or before the cap
  double cap;   ///< 0: none

  /// Keys first .. limit-1, i64.
  struct Range {
    Value first, limit;
  };
  /// Enters a row of the batch: `past` and `total`, i64.
  void enterBatch(Value batch);
  /// Keys that the mask does not concern of the query at a position of S.
  Range keysOf(Value query);
  /// i1: does the mask let key t (i64) through? Null without a mask.
  Value masked(Value key);
  /// What a product of query and key stands for: times factor() the exponent of
  /// 2, so that a shift of exponents goes along.
  Value logit(Value product);
  double factor() const { return cap == 0 && scale > 0 ? scale : 1; }
  /// Where the vector of a head of a token begins.
  Value offset(const Tensor &tensor, Value token, Value head);

  bool fitsMatrix() const;

  // Where a block has few rows, its warps have parts of kPartKeys keys.
  static constexpr int64_t kWarps = 4, kRows = 16, kPartKeys = 256;
  /// Parts of a state's capacity.
  int64_t parts() const;
  /// What a row of a part leaves: sums of values, the maximum, the sum of
  /// exponentials.
  int64_t stateSize() const { return valueDepth + 2; }
  /// Where: in scratch, [B][group][part][row].
  Value part(Value group, Value part, Value row);

  Value batch, past, total;
};

/// A warp for each query, in f32: any types and sizes.
void emitSimpleAttention(Attention &attention);

/// The launch that joins parts.
void emitAttentionJoin(Attention &attention, LaunchShape shape);

/// By the matrix units, where fitsMatrix().
void emitMatrixAttention(Attention &attention);

} // namespace trine::cuda
