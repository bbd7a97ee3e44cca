//===- trine-compile.cpp - a model file to a package ----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Pipeline/Driver.h"
#include "trine/Support/Error.h"

int main(int argc, char **argv) {
  return trine::runMain(trine::compileMain, argc, argv);
}
