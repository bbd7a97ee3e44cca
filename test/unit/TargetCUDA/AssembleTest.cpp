//===- AssembleTest.cpp - code generation that may fail -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/CUDA/Assemble.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Support/ErrorHandling.h"
#include "gtest/gtest.h"

using namespace trine;
using namespace trine::cuda;

static const ChipSpec &chip(const char *name) { return *ChipSpec::find(name); }

/// A function that stores a constant; `with` adds to it.
static std::string compile(const ChipSpec &chip, unsigned version,
                           llvm::function_ref<void(llvm::IRBuilder<> &)> with,
                           std::string &error) {
  llvm::LLVMContext context;
  llvm::Module module("kernel", context);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context),
                              {llvm::PointerType::get(context, 1)}, false);
  auto *function = llvm::Function::Create(type, llvm::Function::ExternalLinkage,
                                          "kernel", module);
  function->setCallingConv(llvm::CallingConv::PTX_Kernel);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  builder.CreateStore(builder.getInt32(42), function->getArg(0));
  with(builder);
  builder.CreateRetVoid();
  return inChild([&] { return toPtx(module, chip, version); }, error);
}

TEST(Assemble, PtxHasTheVersionAskedFor) {
  std::string error;
  std::string ptx = compile(chip("sm_80"), 70, [](auto &) {}, error);
  EXPECT_EQ(error, "");
  EXPECT_NE(ptx.find(".version 7.0"), std::string::npos);
  EXPECT_NE(ptx.find(".target sm_80"), std::string::npos);
  EXPECT_NE(ptx.find("st.global.b32"), std::string::npos);
}

TEST(Assemble, AnAbortOfLLVMIsAnError) {
  std::string error;
  std::string ptx = compile(
      chip("sm_80"), 70,
      [](llvm::IRBuilder<> &builder) {
        // Clusters come with sm_90.
        builder.CreateIntrinsic(llvm::Intrinsic::nvvm_barrier_cluster_arrive,
                                {});
      },
      error);
  EXPECT_EQ(ptx, "");
  EXPECT_EQ(error.find("LLVM ERROR: Cannot select"), 0u) << error;
}

TEST(Assemble, ACrashIsAnError) {
  std::string error;
  inChild([]() -> std::string { std::abort(); }, error);
  EXPECT_EQ(error, "the code generator ended by a signal");
}

TEST(Assemble, LongTextComesThrough) {
  std::string error;
  EXPECT_EQ(inChild([] { return std::string(1 << 20, 'x'); }, error).size(),
            size_t(1 << 20));
  EXPECT_EQ(error, "");
}

TEST(Assemble, PtxasIsAJudge) {
  std::string ptxas = findPtxas(), error, log;
  if (ptxas.empty())
    GTEST_SKIP() << "requires ptxas";
  std::string ptx = compile(chip("sm_80"), 70, [](auto &) {}, error);
  EXPECT_EQ(runPtxas(ptxas, ptx, chip("sm_80"), log, error).substr(1, 3),
            "ELF");
  EXPECT_EQ(error, "");
  EXPECT_NE(log.find("registers"), std::string::npos);
  ptx.replace(ptx.find("st.global"), 2, "xx");
  EXPECT_EQ(runPtxas(ptxas, ptx, chip("sm_80"), log, error), "");
  EXPECT_EQ(error.find("ptxas does not take it: "), 0u) << error;
}
