//===- SelfTest.cpp - a package's own test vector -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Package/SelfTest.h"
#include "trine/Formats/Json.h"
#include "trine/Package/Manifest.h"

#include <cmath>

using namespace trine;

std::vector<uint8_t> SelfTest::Input::bytes() const {
  std::vector<uint8_t> data(values.size() * size_t(dtypeBytes(dtype)));
  for (size_t i = 0; i < values.size(); ++i)
    writeElement(dtype, data.data(), int64_t(i), values[i]);
  return data;
}

std::string SelfTest::Output::compare(const void *data) const {
  double worst = 0;
  std::string message;
  for (size_t i = 0; i < positions.size(); ++i) {
    double got = readElement(dtype, data, positions[i]);
    double excess =
        std::abs(got - values[i]) - atol - rtol * std::abs(values[i]);
    // Written so that NaN does not pass.
    if (excess <= 0 || (!message.empty() && !(excess > worst)))
      continue;
    worst = excess;
    message = fmt::format("output '{}': expected {:.9g}, got {:.9g} at {} "
                          "(atol {:g}, rtol {:g})",
                          name, values[i], got, positions[i], atol, rtol);
  }
  return message;
}

Json SelfTest::toJson() const {
  Json json = {
      {"entry", entry}, {"inputs", Json::array()}, {"outputs", Json::array()}};
  for (const Input &input : inputs)
    json["inputs"].push_back({{"name", input.name},
                              {"dtype", input.dtype},
                              {"shape", input.shape},
                              {"values", input.values}});
  for (const Output &output : outputs)
    json["outputs"].push_back({{"name", output.name},
                               {"dtype", output.dtype},
                               {"shape", output.shape},
                               {"positions", output.positions},
                               {"values", output.values},
                               {"atol", output.atol},
                               {"rtol", output.rtol}});
  return json;
}

/// Name, dtype and shape; the number of elements.
template <typename Tensor>
static int64_t readTensor(const JsonReader &json, Tensor &tensor) {
  tensor.name = json.get<std::string>("name");
  tensor.dtype = json.get<std::string>("dtype");
  tensor.shape = json.get<std::vector<int64_t>>("shape");
  tensor.values = json.get<std::vector<double>>("values");
  if (dtypeBytes(tensor.dtype) == 0)
    throw json.expected("dtype", "f32, f16, bf16 or i32");
  if (tensor.shape.size() > 8)
    throw json.expected("shape", "at most 8 dimensions");
  return storedBytes(Layout{}, tensor.shape, tensor.dtype) /
         dtypeBytes(tensor.dtype);
}

static SelfTest::Input readInput(const JsonReader &json) {
  SelfTest::Input input;
  int64_t count = readTensor(json, input);
  if (int64_t(input.values.size()) != count)
    throw json.expected("values", fmt::format("{} numbers", count));
  uint32_t room;
  for (double value : input.values)
    if (!writeElement(input.dtype, &room, 0, value))
      throw json.expected("values", "whole numbers of 32 bits");
  return input;
}

static SelfTest::Output readOutput(const JsonReader &json) {
  SelfTest::Output output;
  int64_t count = readTensor(json, output);
  output.positions = json.get<std::vector<int64_t>>("positions");
  output.atol = json.get<double>("atol");
  output.rtol = json.get<double>("rtol");
  if (output.positions.empty() ||
      output.positions.size() != output.values.size())
    throw json.expected("positions", "one position for each value");
  for (int64_t position : output.positions)
    if (position < 0 || position >= count)
      throw json.expected("positions", fmt::format("0 to {}", count - 1));
  return output;
}

SelfTest SelfTest::parse(std::string_view text, const std::string &path) {
  std::string where = path + ", section 'selftest'";
  JsonReader json(where, parseJson(text, where));
  SelfTest test;
  test.entry = json.get<std::string>("entry");
  auto each = [&](const char *key, auto read) {
    auto it = json.json().find(key);
    if (it == json.json().end() || !it->is_array())
      throw json.expected(key, "an array");
    for (const Json &element : *it)
      read(JsonReader(where, element, std::string(key) + "."));
  };
  each("inputs",
       [&](const JsonReader &e) { test.inputs.push_back(readInput(e)); });
  each("outputs",
       [&](const JsonReader &e) { test.outputs.push_back(readOutput(e)); });
  if (test.outputs.empty())
    throw json.expected("outputs", "at least one output");
  return test;
}
