//===- Size.cpp - sizes, layouts and the bytes they mean ------------------===//
// Every operation checks for overflow: sizes come from files.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Blocks.h"
#include "trine/Package/Manifest.h"
#include "trine/Support/Error.h"

#include <charconv>

using namespace trine;

/// Larger than any memory, small enough that sums of a few cannot overflow.
static constexpr int64_t kLargestSize = int64_t(1) << 48;

static int64_t multiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product))
    throw badInput("", "a size overflows; use a shorter sequence or a smaller "
                       "batch");
  return product;
}

static int64_t bounded(int64_t value) {
  if (value < 0 || value > kLargestSize)
    throw badInput("",
                   "a size of {} is out of range; use a shorter sequence "
                   "or a smaller batch",
                   value);
  return value;
}

static int64_t ceilDivide(int64_t value, int64_t divisor) {
  return value / divisor + (value % divisor != 0);
}

Size Size::constant(int64_t value) {
  Size size;
  if (value != 0)
    size.terms.push_back({value, {}});
  return size;
}

Size Size::symbol(uint32_t index) {
  Size size;
  size.terms.push_back({1, {index}});
  return size;
}

std::optional<int64_t> Size::asConstant() const {
  for (const Term &term : terms)
    if (!term.symbols.empty())
      return std::nullopt;
  return evaluate({});
}

std::optional<uint32_t> Size::asSymbol() const {
  if (multiple != 1 || terms.size() != 1 || terms[0].coefficient != 1 ||
      terms[0].symbols.size() != 1)
    return std::nullopt;
  return terms[0].symbols[0];
}

int64_t Size::evaluate(const std::vector<int64_t> &symbols) const {
  int64_t sum = 0;
  for (const Term &term : terms) {
    int64_t value = term.coefficient;
    for (uint32_t symbol : term.symbols)
      value = multiply(value, symbols.at(symbol));
    if (__builtin_add_overflow(sum, value, &sum))
      throw badInput("", "a size overflows; use a shorter sequence or a "
                         "smaller batch");
  }
  return bounded(multiply(ceilDivide(bounded(sum), multiple), multiple));
}

std::string Layout::text() const {
  std::string text = width == 1 ? kind : fmt::format("{}:{}", kind, width);
  return format.empty() ? text : text + ":" + format;
}

std::optional<Layout> Layout::parse(std::string_view text) {
  Layout layout;
  size_t colon = text.find(':');
  layout.kind = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    const char *end = text.data() + text.size();
    auto [rest, error] =
        std::from_chars(text.data() + colon + 1, end, layout.width);
    if (error != std::errc() || (rest != end && *rest != ':'))
      return std::nullopt;
    if (rest != end) {
      layout.format = std::string(rest + 1, end);
      if (layout.kind != "panels" || !blockFormat(layout.format))
        return std::nullopt;
    }
  }
  bool known = layout.kind == "rows" || layout.kind == "heads" ||
               layout.kind == "panels" || layout.kind == "head_panels";
  if (!known || layout.width < 1 || layout.width > 4096)
    return std::nullopt;
  return layout;
}

/// Elements along a summed dimension that lie side by side: two of bf16 and of
/// codes, but four codes of a panel.
static int64_t together(const Layout &layout, std::string_view dtype) {
  bool codes = dtype.starts_with("f8");
  if (layout.kind == "panels" && codes)
    return 4;
  return layout.kind != "rows" && (codes || dtype == "bf16") ? 2 : 1;
}

int64_t Layout::position(const std::vector<int64_t> &shape,
                         const std::vector<int64_t> &index,
                         std::string_view dtype) const {
  size_t rank = shape.size();
  int64_t pair = together(*this, dtype);
  auto rowMajor = [](std::initializer_list<std::pair<int64_t, int64_t>> dims) {
    int64_t offset = 0;
    for (auto [i, extent] : dims)
      offset = offset * extent + i;
    return offset;
  };
  auto outer = [&](size_t dim, int64_t unit) {
    return std::pair(index[dim] / unit, ceilDivide(shape[dim], unit));
  };
  if (kind == "heads")
    return rowMajor({outer(0, 1),
                     outer(2, 1),
                     outer(1, pair),
                     outer(3, 1),
                     {index[1] % pair, pair}});
  if (kind == "head_panels")
    return rowMajor({outer(0, 1),
                     outer(2, 1),
                     outer(1, width),
                     outer(3, pair),
                     {index[1] % width, width},
                     {index[3] % pair, pair}});
  int64_t leading = 0;
  size_t plain = kind == "panels" ? rank - 2 : rank;
  for (size_t i = 0; i < plain; ++i)
    leading = leading * shape[i] + index[i];
  if (kind != "panels")
    return leading;
  return rowMajor({{leading, 1},
                   outer(plain, width),
                   outer(plain + 1, pair),
                   {index[plain] % width, width},
                   {index[plain + 1] % pair, pair}});
}

int64_t trine::storedBytes(const Layout &layout,
                           const std::vector<int64_t> &shape,
                           std::string_view dtype) {
  // Padded are the rows of a matrix and the positions of [B, T, H, D], and the
  // dimension along which elements lie side by side.
  size_t rank = shape.size(), padded = rank, paired = rank;
  int64_t pair = together(layout, dtype);
  if (layout.kind == "panels" && rank >= 2)
    padded = rank - 2;
  else if (layout.kind == "head_panels" && rank == 4)
    padded = 1;
  else if (layout.kind != "rows" && !(layout.kind == "heads" && rank == 4))
    throw badInput("", "layout '{}' does not fit a tensor of rank {}",
                   layout.text(), rank);
  if (pair > 1)
    paired = layout.kind == "heads" ? 1 : rank - 1;
  // An element, or the stored block that takes so many of a row.
  const BlockFormat *format = blockFormat(layout.format);
  int64_t bytes = format ? format->packedBytes() : dtypeBytes(dtype);
  int64_t each = format ? format->super : 1;
  if (each > 1 && shape[rank - 1] % each)
    throw badInput("", "layout '{}' needs rows of whole blocks of {}, got {}",
                   layout.text(), each, shape[rank - 1]);
  for (size_t i = 0; i < rank; ++i) {
    int64_t size = bounded(shape[i]);
    if (i == padded)
      size = multiply(ceilDivide(size, layout.width), layout.width);
    else if (i == paired)
      size = multiply(ceilDivide(size, pair), pair);
    bytes = bounded(multiply(bytes, i == rank - 1 ? size / each : size));
  }
  return bytes;
}
