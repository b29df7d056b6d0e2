/* freshet.h - the public interface. */
#ifndef FRESHET_H
#define FRESHET_H

/* The version of this header, "MAJOR.MINOR.PATCH" (semver.org). */
#define FRESHET_HEADER_VERSION "0.1.0"

#endif
