# restante_proto_library(TARGET FILE...): a static library of message classes from
# .proto files of this repository that aren't part of the contract: configuration
# schemas, stored records. Include them by their path, with .pb.h.
#
# The target restante_generated makes all generated sources and compiles nothing: what
# clang-tidy needs.
add_custom_target(restante_generated)
function(restante_proto_library target)
  set(sources)
  foreach(file ${ARGN})
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    string(REPLACE ".proto" "" stem ${relative})
    set(out ${CMAKE_BINARY_DIR}/proto)
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc -I ${CMAKE_SOURCE_DIR} --cpp_out=${out} ${CMAKE_SOURCE_DIR}/${relative}
      DEPENDS ${file}
      VERBATIM)
    list(APPEND sources ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
  endforeach()
  add_custom_target(${target}_generated DEPENDS ${sources})
  add_dependencies(restante_generated ${target}_generated)
  add_library(${target} STATIC ${sources})
  # The internal names of generated files are alike.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  target_include_directories(${target} SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/proto)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
endfunction()
