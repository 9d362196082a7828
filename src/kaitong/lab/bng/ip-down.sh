#!/bin/sh
# A session is over.
rm -f "/run/kaitong/session.$1"
