/* In the place of the compiler's: see emulated.h. */
#include <simde/arm/neon.h>
