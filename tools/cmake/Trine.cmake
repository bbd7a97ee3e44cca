# The few CMake idioms leaf folders use. Nothing else calls add_library.

set(TRINE_WARNINGS -Wall -Wextra -Wno-unused-parameter -Wno-comment)

# trine_find_mlir(): LLVM/MLIR 22 from Debian, linked as libMLIR.so/libLLVM.so
# at the tools only, and the one precompiled header every compiler library reuses.
macro(trine_find_mlir)
  find_package(MLIR 22 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  include_directories(${CMAKE_BINARY_DIR}/dialects)
  add_library(trine-pch OBJECT ${CMAKE_SOURCE_DIR}/lib/Support/PCH.cpp)
  target_include_directories(trine-pch PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
  target_compile_options(trine-pch PRIVATE ${TRINE_WARNINGS})
  target_precompile_headers(trine-pch PRIVATE ${CMAKE_SOURCE_DIR}/lib/Support/PCH.h)
endmacro()

# trine_add_library(NAME SRC... [LINK lib...]): no LLVM.
function(trine_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/include)
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} fmt::fmt)
endfunction()

# trine_add_mlir_library(NAME SRC... [LINK lib...] [DEPENDS target...]):
# compiler code; lists no MLIR libraries (tools link libMLIR.so once).
function(trine_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  target_precompile_headers(${name} REUSE_FROM trine-pch)
  target_link_libraries(${name} PUBLIC ${ARG_LINK} fmt::fmt)
  add_dependencies(${name} trine-tablegen ${ARG_DEPENDS})
endfunction()

# trine_add_tool(NAME SRC... [LINK lib...] [MLIR]): MLIR adds libMLIR.so and libLLVM.so.
function(trine_add_tool name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} fmt::fmt)
  if(ARG_MLIR)
    target_precompile_headers(${name} REUSE_FROM trine-pch)
    add_dependencies(${name} trine-tablegen)
    target_link_libraries(${name} PRIVATE MLIR LLVM)
  endif()
  install(TARGETS ${name} RUNTIME)
endfunction()
