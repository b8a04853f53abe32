#!/bin/sh
# A daemon of the old kind: it goes into the background twice, writes the number of the process that stays, and has a helper.
(setsid sh -c 'echo $$ >/run/forking.pid; sleep 1001 & exec sleep 1000' &)
until [ -s /run/forking.pid ]; do :; done
