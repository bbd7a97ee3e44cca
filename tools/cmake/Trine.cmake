# The few CMake idioms leaf folders use. Nothing else calls add_library.

set(TRINE_WARNINGS -Wall -Wextra -Wno-unused-parameter -Wno-comment)

# trine_find_mlir(): LLVM/MLIR 22 from Debian, linked as libMLIR.so/libLLVM.so
# at the tools only, and the one precompiled header every compiler library reuses.
macro(trine_find_mlir)
  find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
  if(NOT LLVM_VERSION_MAJOR EQUAL 22)
    message(FATAL_ERROR "expected LLVM/MLIR 22, got ${LLVM_VERSION}")
  endif()
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)
  list(APPEND CMAKE_INSTALL_RPATH ${LLVM_LIBRARY_DIR})
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  include_directories(${CMAKE_BINARY_DIR})
  add_custom_target(trine-tablegen)
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
  # These libraries end up in libtrine_rt.so, which shall not need libfmt.so.
  target_compile_definitions(${name} PRIVATE FMT_HEADER_ONLY=1)
  target_link_libraries(${name} PUBLIC ${ARG_LINK} fmt::fmt)
endfunction()

# trine_add_shared_library(NAME SRC... [LINK lib...] EXPORTS pattern [MLIR]):
# lib<NAME>.so showing only the symbols of that pattern; LINK is static.
function(trine_add_shared_library name)
  cmake_parse_arguments(ARG "MLIR" "EXPORTS" "LINK" ${ARGN})
  add_library(${name} SHARED ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  set(exports ${CMAKE_CURRENT_BINARY_DIR}/${name}.exports)
  file(CONFIGURE OUTPUT ${exports} CONTENT "{ global: ${ARG_EXPORTS}; local: *; };\n")
  target_link_options(${name} PRIVATE LINKER:--version-script=${exports} LINKER:--as-needed)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} fmt::fmt)
  if(ARG_MLIR)
    target_precompile_headers(${name} REUSE_FROM trine-pch)
    add_dependencies(${name} trine-tablegen)
    target_link_libraries(${name} PRIVATE MLIR LLVM)
  endif()
  install(TARGETS ${name} LIBRARY)
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

# trine_add_dialect(FOLDER Name [ENUMS] [ATTRS] [INTERFACES]): generates
# dialects/FOLDER/Name*.inc from NameOps.td, enumerations from NameEnums.td if it
# exists: a dialect that includes another's .td must not generate them again.
function(trine_add_dialect folder name)
  cmake_parse_arguments(ARG "ENUMS;ATTRS;INTERFACES" "" "" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  set(MLIR_TABLEGEN_FLAGS -I${CMAKE_SOURCE_DIR})
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls ${MLIR_TABLEGEN_FLAGS})
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs ${MLIR_TABLEGEN_FLAGS})
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${folder} ${MLIR_TABLEGEN_FLAGS})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${folder} ${MLIR_TABLEGEN_FLAGS})
  if(ARG_ENUMS)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}Enums.td)
      set(LLVM_TARGET_DEFINITIONS ${name}Enums.td)
    endif()
    mlir_tablegen(${name}Enums.h.inc -gen-enum-decls ${MLIR_TABLEGEN_FLAGS})
    mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs ${MLIR_TABLEGEN_FLAGS})
  endif()
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  if(ARG_ATTRS)
    mlir_tablegen(${name}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${folder} ${MLIR_TABLEGEN_FLAGS})
    mlir_tablegen(${name}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${folder} ${MLIR_TABLEGEN_FLAGS})
  endif()
  if(ARG_INTERFACES)
    set(LLVM_TARGET_DEFINITIONS ${name}Interfaces.td)
    mlir_tablegen(${name}Interfaces.h.inc -gen-op-interface-decls ${MLIR_TABLEGEN_FLAGS})
    mlir_tablegen(${name}Interfaces.cpp.inc -gen-op-interface-defs ${MLIR_TABLEGEN_FLAGS})
  endif()
  add_public_tablegen_target(trine-${folder}-tablegen)
  add_dependencies(trine-tablegen trine-${folder}-tablegen)
endfunction()

# trine_use_mlir(NAME): an executable's precompiled header, libMLIR.so, libLLVM.so.
function(trine_use_mlir name)
  # The precompiled header is -fPIC; CMake gives executables -fPIE.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM trine-pch)
  add_dependencies(${name} trine-tablegen)
  target_link_libraries(${name} PRIVATE MLIR LLVM)
endfunction()

# trine_add_passes(Name TD): generates NamePasses.h.inc in this folder's build
# folder from TD (Passes.td, Transforms/Passes.td).
function(trine_add_passes name td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  mlir_tablegen(${name}Passes.h.inc -gen-pass-decls -name ${name} -I${CMAKE_SOURCE_DIR})
  string(TOLOWER ${name} lower)
  add_public_tablegen_target(trine-${lower}-passes-tablegen)
  add_dependencies(trine-tablegen trine-${lower}-passes-tablegen)
endfunction()

# trine_add_tool(NAME SRC... [LINK lib...] [MLIR]): MLIR adds libMLIR.so and libLLVM.so.
function(trine_add_tool name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} fmt::fmt)
  if(ARG_MLIR)
    trine_use_mlir(${name})
  endif()
  install(TARGETS ${name} RUNTIME)
endfunction()

# trine_add_unit_test(NAME SRC... [LINK lib...] [MLIR]): one GoogleTest
# executable, one CTest test; MLIR as for tools.
function(trine_add_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TRINE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} fmt::fmt GTest::gtest GTest::gtest_main)
  if(ARG_MLIR)
    trine_use_mlir(${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
endfunction()
