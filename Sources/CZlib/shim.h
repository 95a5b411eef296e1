// zlib, and those of its calls that are macros and so out of Swift's reach.
#pragma once

#include <zlib.h>

/// Prepares to read gzip.
static inline int czlib_begin_inflating(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }

/// Prepares to write gzip, quickly rather than small.
static inline int czlib_begin_deflating(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
