/* The installed C ABI, as a C host sees it. */
#include <convoke/convoke.h>
#include <string.h>

int c_host_works(void);

int c_host_works(void) {
  convoke_spec* spec = NULL;
  convoke_spec_fields fields;
  int works = convoke_spec_parse("mb1ic2ih4oc8oh4kh1", &spec) == CONVOKE_OK &&
              convoke_spec_get(spec, &fields) == CONVOKE_OK && fields.k == 8;
  convoke_spec_destroy(spec);
  return works && convoke_spec_parse("mb1ic0", &spec) == CONVOKE_USAGE &&
         strlen(convoke_last_error()) > 0;
}
