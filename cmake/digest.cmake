# Writes OUT: the SHA-256 over the contents of SOURCES, as a C++ function.
list(SORT SOURCES)
set(all "")
foreach(source ${SOURCES})
  file(SHA256 ${source} one)
  get_filename_component(name ${source} NAME)
  string(APPEND all "${name} ${one}\n")
endforeach()
string(SHA256 digest "${all}")
file(WRITE ${OUT}
  "#include \"compiler/cache_key.h\"\nnamespace convoke {\nconst char* cpu_emitter_digest() { return \"${digest}\"; }\n}\n")
