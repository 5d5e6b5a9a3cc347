# What unenv's Buffer does otherwise than Node's, mended when it is built; see the Makefile. Its errors have codes.
s~"\./\(base64\|ieee754\)\.mjs"~"unenv/node/internal/buffer/\1"~
/^import \* as ieee754/a import { withCode } from "../../runtime/node/errors";
s~throw new \(TypeError("Unknown encoding: .*)\);$~throw withCode(new \1, "ERR_UNKNOWN_ENCODING");~
s~throw new \(TypeError("The value \\"" + val.*)\);$~throw withCode(new \1, "ERR_INVALID_ARG_VALUE");~
s~throw new \(RangeError("Buffer size must be .*)\);$~throw withCode(new \1, "ERR_INVALID_BUFFER_SIZE");~
s~throw new \(RangeError(".*is outside of buffer bounds")\);$~throw withCode(new \1, "ERR_BUFFER_OUT_OF_BOUNDS");~
s~throw new \(TypeError(.*)\);$~throw withCode(new \1, "ERR_INVALID_ARG_TYPE");~
s~throw new \(RangeError(.*)\);$~throw withCode(new \1, "ERR_OUT_OF_RANGE");~
# A symbol stays one, however often it is asked for its text.
s~typeof value\[Symbol\.toPrimitive\] === "function"~typeof value === "object" \&\& &~
