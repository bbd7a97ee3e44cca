//===- SelfTest.h - a package's own test vector -----------------*- C++ -*-===//
// Section `selftest`: one call of one entry and sampled expected values, made
// by the reference when the package is compiled. JSON:
//   {"entry": "prefill",
//    "inputs":  [{"name", "dtype", "shape", "values": [all, ...]}],
//    "outputs": [{"name", "dtype", "shape", "positions": [flat index, ...],
//                 "values": [one for each position], "atol", "rtol"}]}
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace trine {

struct SelfTest {
  struct Input {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::vector<double> values; ///< row-major
    /// The values as an array of `dtype`.
    std::vector<uint8_t> bytes() const;
  };
  struct Output {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::vector<int64_t> positions; ///< row-major indices of the samples
    std::vector<double> values;
    double atol = 0, rtol = 0; ///< |got - value| <= atol + rtol * |value|
    /// "" when `data`, an array of this dtype and shape, agrees; otherwise the
    /// worst sample.
    std::string compare(const void *data) const;
  };

  std::string entry;
  std::vector<Input> inputs;
  std::vector<Output> outputs;

  nlohmann::json toJson() const;
  /// Checks everything; throws BadInput naming `path`.
  static SelfTest parse(std::string_view text, const std::string &path);
};

} // namespace trine
