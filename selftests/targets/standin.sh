# A stand-in for the collector: the frame, and what it was told.
printf '%s azure-backup-preflight 1 linux\n' "$nonce"
printf '%s begin run\nuid=%s\nsudo=%s\nimage=%s\nstorage=%s\n%s end run ok\n' \
  "$nonce" "$(id -u)" "$sudo" "$image" "$storage_endpoints" "$nonce"
printf '%s done 1\n' "$nonce"
