# Sourced by the programs that call the command line tools of Apache Kafka, after tests/lib/common.sh.
T=org.apache.kafka.tools
cp=$(kafka_classpath)
archive=$TOOLS/kafka/tools.jsa
jvm=(-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.level=ERROR)

# A class archive makes each call three times as fast. A first call writes it, to where nobody reads it before it is whole.
[ -s "$archive" ] || { java "${jvm[@]}" "-XX:ArchiveClassesAtExit=$archive.$$" -Xlog:cds=off -Xlog:cds+dynamic=off \
  -cp "$cp" $T.TopicCommand --list --bootstrap-server "$E2E_BOOTSTRAP" > /dev/null && mv "$archive.$$" "$archive"; }
launch() {
  local class=$1; shift
  # Where there are subcommands it matters on which side of them the server stands, and some have another word for it: then the caller says it.
  case " $* " in *" --bootstrap-server "* | *" --broker-list "*) ;; *) set -- "$@" --bootstrap-server "$E2E_BOOTSTRAP" ;; esac
  exec java "${jvm[@]}" "-XX:SharedArchiveFile=$archive" -Xshare:auto -cp "$cp" "$class" "$@"
}
tool() { (launch "$@"); }

# expect WHAT PATTERN: the output of the last call, in $out, has a line that matches.
expect() { grep -qE -- "$2" <<< "$out" || { printf '%s\n' "$out"; echo "${0##*/}: $1: no line matches $2"; exit 1; }; echo "${0##*/}: $1"; }

# until_true WHAT COMMAND...: tries until it succeeds, for two minutes.
until_true() {
  local what=$1 end=$((SECONDS + 120)); shift
  until "$@"; do [ $SECONDS -lt $end ] || { echo "${0##*/}: timed out: $what"; exit 1; }; sleep 0.1; done
}
