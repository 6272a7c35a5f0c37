/* convoke.h as C99 reads it: what a C host writes, from text to result. c_api_test.cc runs it. */
#include <convoke/convoke.h>
#include <stdio.h>
#include <string.h>

int c_api_c_test(void);

int c_api_c_test(void) {
  convoke_device* device = NULL;
  convoke_spec* spec = NULL;
  convoke_plan* plan = NULL;
  const convoke_plan_options options = CONVOKE_PLAN_OPTIONS_INIT;
  float x[2 * 16], w[8 * 2], y[8 * 16];
  convoke_plan_info info;
  int wrong = 0, i;
  for (i = 0; i < 2 * 16; ++i) x[i] = 1;
  for (i = 0; i < 8 * 2; ++i) w[i] = 1;
  for (i = 0; i < 8 * 16; ++i) y[i] = -1;

  if (convoke_device_open("cpu", NULL, &device) != CONVOKE_OK ||
      convoke_spec_parse("mb1ic2ih4oc8oh4kh1", &spec) != CONVOKE_OK ||
      convoke_plan_create(device, spec, &options, &plan) != CONVOKE_OK ||
      convoke_plan_get(plan, 0, &info) != CONVOKE_OK) {
    fprintf(stderr, "%s\n", convoke_last_error());
    wrong = 1;
  } else {
    char room[8192 + 64];
    char* workspace = room + 64 - (uintptr_t)room % 64;
    const convoke_launch_args args = {
        .x = {x, sizeof x}, .w = {w, sizeof w}, .y = {y, sizeof y}, .workspace = {workspace, 8192}};
    wrong = info.workspace_bytes > 8192 || convoke_plan_launch(plan, &args) != CONVOKE_OK;
    for (i = 0; i < 8 * 16; ++i) wrong |= y[i] != 2;
  }
  convoke_plan_destroy(plan);
  convoke_spec_destroy(spec);
  convoke_device_destroy(device);
  wrong |= convoke_spec_parse("mb1ic0oc4ih8kh3", &spec) != CONVOKE_USAGE;
  wrong |= strstr(convoke_last_error(), "ic") == NULL;
  return wrong;
}
