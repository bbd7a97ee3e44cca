//===- NpyTest.cpp - .npy arrays, good and hostile ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Npy.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

static NpyArray parse(const std::string &bytes) {
  return parseNpy(asBytes(bytes), "a.npy");
}

static std::string npy(const std::string &header, const std::string &data,
                       char version = 1) {
  std::string size = version == 1 ? num(uint16_t(header.size()))
                                  : num(uint32_t(header.size()));
  return std::string("\x93NUMPY") + version + '\0' + size + header + data;
}

static std::string valid() {
  return npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }  \n",
             nums<int32_t>({1, 2, 3, 4, 5, 6}));
}

TEST(Npy, ReadsNumPysHeader) {
  // numpy.save of numpy.array([1.5, -2], "<f4"), NumPy 2.4.
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  header.resize(0x75, ' ');
  NpyArray array = parse(npy(header + "\n", nums<float>({1.5f, -2.0f})));
  EXPECT_EQ(array.type, Storage::F32);
  EXPECT_EQ(array.shape, std::vector<int64_t>{2});
  EXPECT_EQ(std::string(array.bytes.begin(), array.bytes.end()),
            nums<float>({1.5f, -2.0f}));
}

TEST(Npy, Versions) {
  std::string header = "{\"shape\":(),\"fortran_order\":False,'descr':'|u1'}";
  for (char version : {1, 2, 3})
    EXPECT_EQ(parse(npy(header, "x", version)).bytes,
              std::vector<uint8_t>{'x'});
}

TEST(Npy, RoundTrip) {
  TempDir dir;
  for (Storage type : {Storage::F64, Storage::F32, Storage::F16, Storage::I64,
                       Storage::I32, Storage::I16, Storage::I8, Storage::U32,
                       Storage::U16, Storage::U8, Storage::Bool})
    for (std::vector<int64_t> shape : std::vector<std::vector<int64_t>>{
             {}, {0}, {1}, {7}, {2, 3}, {4, 0, 2}, {1, 1, 1, 1, 5}}) {
      std::vector<uint8_t> bytes(*storedBytes(type, shape));
      for (size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = uint8_t(i & 1);
      writeNpy(dir.path / "a.npy", type, shape, bytes);
      std::string text = readText(dir.path / "a.npy");
      EXPECT_EQ((text.size() - bytes.size()) % 64, 0u);
      NpyArray array = readNpy(dir.path / "a.npy");
      EXPECT_EQ(array.type, type);
      EXPECT_EQ(array.shape, shape);
      EXPECT_EQ(array.bytes, bytes);
    }
}

TEST(Npy, WritesTheWholeFileOrNothing) {
  TempDir dir;
  expectError(ExitCode::Environment, "none/a.npy: cannot create", [&] {
    writeNpy(dir.path / "none" / "a.npy", Storage::U8, {1}, asBytes("x"));
  });
  expectError(ExitCode::Internal, "1 bytes are no f32 array of shape (1)", [&] {
    writeNpy(dir.path / "a.npy", Storage::F32, {1}, asBytes("x"));
  });
  expectError(ExitCode::Internal, "are no bf16 array", [&] {
    writeNpy(dir.path / "a.npy", Storage::BF16, {1}, asBytes("xx"));
  });
  EXPECT_TRUE(std::filesystem::is_empty(dir.path));
}

TEST(Npy, RefusesHostileFiles) {
  auto with = [](const std::string &type, const std::string &order,
                 const std::string &shape) {
    return npy("{'descr': " + type + ", 'fortran_order': " + order +
                   ", 'shape': " + shape + ", }\n",
               "1234");
  };
  struct Case {
    std::string bytes, message;
  };
  for (const Case &c : std::vector<Case>{
           {"", "a.npy: not a .npy file"},
           {std::string(20, 'x'), "not a .npy file"},
           {npy("{}", "", 4), "version 1 to 3, got 4"},
           {npy("{}", "").replace(8, 2, "\xff\xff"), "truncated: header of"},
           {npy("{}", "", 2).replace(8, 4, "\xff\xff\xff\xff"),
            "truncated: header of 4294967295"},
           {npy("{}", ""), "malformed .npy header"},
           {npy("{'a': 1}", ""), "expected one of 'descr'"},
           {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "each key once"},
           {npy("{'descr': '<f4", ""), "a closing quote"},
           {with("'>f4'", "False", "(1,)"), "expected little-endian data"},
           {with("'<c8'", "False", "(1,)"), "dtype '<c8' is not supported"},
           {with("'<f16'", "False", "(1,)"), "dtype '<f16' is not supported"},
           {with("[('a', '<f4')]", "False", "(1,)"), "structured arrays"},
           {with("'<f4'", "True", "(1,)"), "Fortran order"},
           {with("'<f4'", "Maybe", "(1,)"), "expected 'False'"},
           {with("'<f4'", "False", "(-1,)"), "dimensions below 2^63"},
           {with("'<f4'", "False", "(1 2)"), "expected ')'"},
           {with("'<f4'", "False", "(99999999999999999999,)"),
            "dimensions below 2^63"},
           {with("'<f4'", "False", "(4611686018427387904, 4)"),
            "does not match 4 bytes"},
           {with("'<f4'", "False", "(2,)"), "(2) of f32 does not match 4"},
           {with("'<f4'", "False", "()") + "5", "does not match 5 bytes"},
           {with("'<f4'", "False", "(1,)} {"), "then the end"},
           {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                    std::string(100, '1').replace(0, 0,
                                                  "1,1,1,1,1,1,1,1,"
                                                  "1,1,1,1,1,1,1,1,"
                                                  "1,1,1,1,1,1,1,1,"
                                                  "1,1,1,1,1,1,1,1,1,") +
                    ")}",
                ""),
            "at most 32 dimensions"}})
    expectError(ExitCode::BadInput, c.message, [&] { parse(c.bytes); });
}

TEST(Npy, SurvivesTruncationAndBitFlips) { mutate(valid(), parse); }
