//===- Manifest.h - what a package says about itself ------------*- C++ -*-===//
// The host program and all declarations, as plain data; JSON on disk (section
// `manifest`). Written by lib/Pipeline, read by lib/Runtime and trine-inspect.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Elements.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace trine {

/// A size as a polynomial of the entry's symbols: Σ coefficient · Π symbols.
/// "ceil to a multiple of m" is a term of its own kind so that padded layouts
/// stay exact: value = Σ terms, then rounded up to `multiple` (1 = as is).
/// JSON: an integer when constant, else
/// {"terms":[[c,sym,...],...],"multiple":m}.
struct Size {
  struct Term {
    int64_t coefficient = 0;
    std::vector<uint32_t> symbols; ///< indices into Entry::symbols, sorted
  };
  std::vector<Term> terms;
  int64_t multiple = 1;

  static Size constant(int64_t value);
  static Size symbol(uint32_t index);
  /// The value when no symbol takes part; the symbol when that is all there is.
  std::optional<int64_t> asConstant() const;
  std::optional<uint32_t> asSymbol() const;
  /// Throws trine::Error on overflow or a negative result.
  int64_t evaluate(const std::vector<int64_t> &symbols) const;
};

/// Physical order; the names of graph's LayoutKind, "rows" for none.
struct Layout {
  std::string kind = "rows";
  int64_t width = 1;
  std::string format = {}; ///< of the codes in the panels; "": plain elements

  /// "rows", "heads", "panels:32", "panels:64:q4_1": as in JSON and in
  /// trine_step_event.
  std::string text() const;
  static std::optional<Layout> parse(std::string_view text);
  /// Where the element at `index` of a tensor of `shape` is stored, counted in
  /// elements; for layouts without a format.
  int64_t position(const std::vector<int64_t> &shape,
                   const std::vector<int64_t> &index,
                   std::string_view dtype) const;
};

/// Bytes a tensor occupies, its layout's padding included. Throws BadInput when
/// that overflows or the layout does not fit the rank.
int64_t storedBytes(const Layout &layout, const std::vector<int64_t> &shape,
                    std::string_view dtype);

/// A value of an entry's program. Exactly one origin.
struct ProgramValue {
  enum class Origin { Input, Slot, Parameter, State, Length };
  Origin origin = Origin::Slot;
  /// Input: position among the inputs. Slot: arena slot. Parameter, State:
  /// index in the manifest. Length: 0 (i32[B], tokens of each row before this
  /// call).
  int64_t index = 0;
  std::string
      dtype; ///< "f32", "f16", "bf16", "i32", "f8e4m3fn", "f8e5m2", "u8"
  std::vector<Size> shape; ///< logical
  Layout layout;
  Size bytes; ///< as stored, layout padding included (a slot may be larger)
};

struct Step {
  enum class Kind { Kernel, Copy };
  Kind kind = Kind::Kernel;
  int64_t kernel = 0;            ///< index in Manifest::kernels
  std::vector<int64_t> operands; ///< indices into Entry::values
  std::vector<int64_t> results;  ///< likewise; Copy: one operand, one result
  std::string device;            ///< where it runs; Copy: the destination
  std::string sourceDevice;      ///< Copy only
  std::string node;              ///< the model's operation, for messages
  Size scratch;                  ///< bytes of scratch a thread
  Size shared;                   ///< bytes of scratch for all threads together
  /// Arithmetic operations and bytes of memory a launch costs, for profiles.
  /// One symbol more than the entry's is the tokens a row of the session holds
  /// before the call. Absent where the compiler did not say.
  std::optional<Size> flops, bytes;
};

struct EntryTensor {
  std::string name, dtype;
  std::vector<Size> shape;
  bool optional = false;  ///< `lengths`: absent = all of dimension S
  int64_t indexLimit = 0; ///< > 0: every element must be in [0, indexLimit)
  int64_t value = 0;      ///< index into Entry::values
};

struct Entry {
  std::string name;
  std::vector<std::string> symbols;  ///< "B", "S", ...: named dims of inputs
  std::vector<int64_t> symbolLimits; ///< largest allowed value, 0 = none
  std::vector<EntryTensor> inputs, outputs;
  std::vector<ProgramValue> values;
  std::vector<Step> steps;
  int64_t slots = 0;
  /// Stateful entries: after the call each row's length grows by lengths[b], or
  /// by the symbol `appendSymbol` when there is no `lengths` input, or by
  /// `appendTokens` when no symbol counts the tokens (decode).
  bool stateful = false;
  int64_t appendSymbol = -1, appendTokens = 0;
  int64_t lengthsInput = -1; ///< index among inputs, or -1
};

struct Kernel {
  std::string name, device, family, node;
  std::string compute; ///< type it multiplies in: "f32", "bf16"; "": none
  int64_t uses = 0;
  uint64_t bytes = 0; ///< of its code
  int64_t operands = 0, results = 0;
  std::vector<int64_t> ties; ///< a result's operand, or -1
};

struct Parameter {
  std::string name, dtype, storage; ///< storage: as in the model's file
  std::vector<int64_t> shape;
  Layout layout;
  uint64_t offset = 0, bytes = 0; ///< within section `weights`; 4096-aligned
};

struct State {
  std::string name, dtype, device;
  int64_t capacity = 0;       ///< positions (dimension 1)
  std::vector<int64_t> shape; ///< without the batch: [capacity, ...]
  Layout layout;
  uint64_t bytesPerRow = 0; ///< of one batch row, as stored
};

struct Placement {
  std::string node, op, device, reason;
};

/// A target the package holds code for.
struct TargetInfo {
  std::string kind;                  ///< "cpu", "reference", ...
  std::string name;                  ///< the LLVM CPU, chip, ...
  std::vector<std::string> features; ///< CPU: what the machine must have
};

struct Manifest {
  int64_t formatVersion = 1;
  int64_t kernelAbi = 2; ///< kKernelAbiVersion of the CPU code
  std::string trineVersion, llvmVersion;
  std::string sourceName, sourceSha256,
      modelKind; ///< "causal_lm", "encoder", "mlir"
  nlohmann::json options;
  std::vector<TargetInfo> targets;
  std::vector<Entry> entries;
  std::vector<Kernel> kernels;
  std::vector<Parameter> parameters;
  std::vector<State> states;
  std::vector<Placement> fallbacks;
  int64_t maxSequence = 0, maxBatch = 0;

  nlohmann::json toJson() const;
  /// Checks everything the runtime later relies on: indices in range, sizes
  /// that cannot overflow, parameters within `weightBytes`. Throws BadInput
  /// naming `path` and the field.
  static Manifest fromJson(const nlohmann::json &json, const std::string &path,
                           uint64_t weightBytes);
};

/// The device each of an entry's values lives on; "" for values nobody uses.
/// Throws BadInput naming `path` when a step uses a value that is not (yet)
/// where the step runs.
std::vector<std::string> valueDevices(const Manifest &manifest,
                                      const Entry &entry,
                                      const std::string &path);

} // namespace trine
