// The version of coworker. CMake, meson and pkg-config read it from here, the only place that states it. Must
// not know anything else.
#pragma once

#define COWORKER_VERSION_MAJOR 0
#define COWORKER_VERSION_MINOR 1
#define COWORKER_VERSION_PATCH 0

/// The same three numbers as text: "MAJOR.MINOR.PATCH".
#define COWORKER_VERSION "0.1.0"

// All names live in `coworker::inline v0_1`, so that libraries which bring different versions can be linked
// into one program.
// tests/checks/layers.py checks that each header says so.
