# attest_embed(TARGET FILE SYMBOL): the text of FILE as `attest::SYMBOL`, a std::string_view in a source of TARGET, so that
# the program needs no file beside it; and its hash, in hexadecimal digits, as `attest::SYMBOL_sha256`.
function(attest_embed target file symbol)
  set(path ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${path} content)
  file(SHA256 ${path} hash)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  set(source ${CMAKE_BINARY_DIR}/generated/${symbol}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[// Written by harness/cmake/AttestEmbed.cmake from @file@.
#include <string_view>

namespace attest {

extern const std::string_view @symbol@;
const std::string_view @symbol@ = R"embedded(@content@)embedded";
extern const std::string_view @symbol@_sha256;
const std::string_view @symbol@_sha256 = "@hash@";

}  // namespace attest
]])
  target_sources(attest_${target} PRIVATE ${source})
endfunction()
