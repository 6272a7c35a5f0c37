# Writes OUT: the files FILES of ROOT as C++ string literals by their path below ROOT, and the
# SHA-256 over all of them as convoke::templates_digest() computes it.
list(SORT FILES)
set(all "")
set(entries "")
foreach(file ${FILES})
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(SHA256 ${file} one)
  string(APPEND all "${name} ${one}\n")
  file(READ ${file} text)
  # Compilers need not take a literal of more than 64 KiB; neighbours are joined.
  set(literals "")
  while(NOT text STREQUAL "")
    string(SUBSTRING "${text}" 0 8000 part)
    string(LENGTH "${part}" length)
    string(SUBSTRING "${text}" ${length} -1 text)
    string(APPEND literals "\n     R\"~convoke~(${part})~convoke~\"")
  endwhile()
  string(APPEND entries "    {\"${name}\",${literals}},\n")
endforeach()
string(SHA256 digest "${all}")
file(WRITE ${OUT} "#include \"compiler/emit_cuda.h\"

namespace convoke {

const std::vector<TemplateFile>& embedded_templates() {
  static const std::vector<TemplateFile> files = {
${entries}  };
  return files;
}

const char* embedded_templates_digest() { return \"${digest}\"; }

}  // namespace convoke
")
