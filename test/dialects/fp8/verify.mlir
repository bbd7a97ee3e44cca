// RUN: trine-opt %s -split-input-file -verify-diagnostics --fp8-verify
// What upstream leaves of arithmetic on 8-bit floats, without an error.

func.func @addition(%a: f8E4M3FN) -> f8E4M3FN {
  // expected-error @below {{'arith.addf' op computes with 8-bit floats, which nothing lowers; decode them with fp8.dequantize}}
  %0 = arith.addf %a, %a : f8E4M3FN
  return %0 : f8E4M3FN
}

// -----

func.func @widening(%a: vector<16xf8E5M2>) -> vector<16xf32> {
  // expected-error @below {{'arith.extf' op computes with 8-bit floats}}
  %0 = arith.extf %a : vector<16xf8E5M2> to vector<16xf32>
  return %0 : vector<16xf32>
}

// -----

func.func @cast(%a: f8E8M0FNU) -> i8 {
  // expected-error @below {{'builtin.unrealized_conversion_cast' op computes with 8-bit floats}}
  %0 = builtin.unrealized_conversion_cast %a : f8E8M0FNU to i8
  return %0 : i8
}

// -----

func.func @bits(%a: vector<16xi8>) -> vector<16xf8E4M3FN> {
  %0 = vector.bitcast %a : vector<16xi8> to vector<16xf8E4M3FN>
  return %0 : vector<16xf8E4M3FN>
}
