#!/usr/bin/env bash
# What papers claim of transforms and rounders, checked in direction on one model: small recipes that differ in one thing, through results.sh.
# Its variables; the defaults fit examples/models/tiny-llama (windows of 257 every 256 tokens).
set -euo pipefail
: "${VQ:?}" "${MODEL:?}" "${TOKENS:?}" "${CALIB:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
list=()
recipe() { # recipe NAME SCHEME PASS...
    local name=$1 scheme=$2
    shift 2
    {
        printf 'vq: 1\nname: %s\nabout: "one claim"\nsource: "docs/results.md"\n' "$name"
        printf 'calib: {data: required, samples: %d, seqlen: %d}\n' "${SAMPLES:-32}" "${SEQLEN:-256}"
        printf 'rules:\n  - {match: {name: ["*"]}, use: %s}\n  - {match: {role: [embed, lm_head, norm]}, use: keep, optional: true}\npasses:\n' "$scheme"
        printf '  - {do: %s}\n' "$@"
        printf 'output: {format: vq}\n'
    } >"$dir/$name.yaml"
    list+=("$dir/$name.yaml")
}
rtn='round, method: rtn' gptq='round, method: gptq'

for scheme in int4-g64 nvfp4a16; do # 2210.17323, 2505.07004, 2505.22988, 2606.07618, 2309.05516, 2603.22370
    recipe "$scheme-nearest" $scheme "$rtn"
    recipe "$scheme-scales-searched" $scheme 'round, method: mse'
    recipe "$scheme-scales-by-input" $scheme 'round, method: mse, weigh: input'
    recipe "$scheme-gptq-plain-scales" $scheme "$gptq, order: original, scales: plain"
    recipe "$scheme-gptq-by-activation" $scheme "$gptq, order: activation, scales: plain"
    recipe "$scheme-gptq-best-order" $scheme "$gptq, scales: plain"
    recipe "$scheme-gptq-search" $scheme "$gptq"
    recipe "$scheme-gptq-token" $scheme "$gptq, curvature: token"
    recipe "$scheme-gptq-kronecker" $scheme "$gptq, curvature: kronecker"
    recipe "$scheme-learned" $scheme 'round, method: learned, init: rtn'
    recipe "$scheme-learned-gptq" $scheme 'round, method: learned, init: gptq'
    recipe "$scheme-gptq-tune" $scheme "$gptq" tune
    recipe "$scheme-order" $scheme order "$rtn"
done
recipe int8-nearest int8 "$rtn" # 2211.10438
for s in 0.25 0.5 0.75; do recipe "int8-smooth-$s" int8 "smooth, strength: $s" "$rtn"; done
recipe awq int4-g64 awq "$rtn" # 2306.00978
recipe awq-activations-alone int4-g64 'awq, duo: false' "$rtn"
recipe awq-gptq int4-g64 awq "$gptq"
for scheme in mxfp4 nvfp4; do # 2509.23202, 2404.00456
    recipe "$scheme-nearest" $scheme "$rtn"
    recipe "$scheme-gptq" $scheme "$gptq"
    recipe "$scheme-hadamard" $scheme 'hadamard, block: 32' "$rtn"
    recipe "$scheme-hadamard-gptq" $scheme 'hadamard, block: 32' "$gptq"
    recipe "$scheme-smooth-gptq" $scheme smooth "$gptq"
    recipe "$scheme-balanced-gptq" $scheme 'smooth, by: hessian' "$gptq"
    recipe "$scheme-balanced-hadamard" $scheme 'smooth, by: hessian' 'hadamard, block: 32' "$rtn"
    recipe "$scheme-balanced-hadamard-gptq" $scheme 'smooth, by: hessian' 'hadamard, block: 32' "$gptq"
    recipe "$scheme-rotate" $scheme rotate "$rtn"
    recipe "$scheme-rotate-gptq" $scheme rotate "$gptq"
done
recipe arc-paper nvfp4 'arc, count: paper' "$rtn" # 2601.07475
recipe arc-quarter nvfp4 'arc, count: all, max_fraction: 0.25' "$rtn"
recipe arc-quarter-gptq nvfp4 'arc, count: all, max_fraction: 0.25' "$gptq"
recipe arc-quarter-kronecker nvfp4 'arc, count: all, max_fraction: 0.25' "$gptq, curvature: kronecker"

RECIPES="${list[*]}" WINDOW=${WINDOW:-257} STRIDE=${STRIDE:-256} WINDOWS=${WINDOWS:-78} OUT=$dir/out "$(dirname "$0")/results.sh"
