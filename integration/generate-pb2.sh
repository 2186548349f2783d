#!/bin/sh
# generate-pb2.sh PROTO-ROOT OUT-DIR STAMP PROTO...: Python classes of our messages.
set -eu
root=$1 out=$2 stamp=$3
shift 3
mkdir -p "$out"
protoc --proto_path="$root" --python_out="$out" "$@"
touch "$stamp"
