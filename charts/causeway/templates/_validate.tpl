{{- /* What values.schema.json cannot say, or not clearly: all faults at once. */ -}}
{{- define "causeway.validate" -}}
{{- $faults := list -}}
{{- with .Values.config -}}
{{- if and (gt (int .mtu) 0) (lt (int .mtu) 576) -}}
{{- $faults = append $faults (printf "config.mtu %d must be 0 or 576 to 65535" (int .mtu)) -}}
{{- end -}}
{{- if or (lt (int .vxlanVni) 1) (gt (int .vxlanVni) 16777215) -}}
{{- $faults = append $faults (printf "config.vxlanVni %d must be 1 to 16777215" (int .vxlanVni)) -}}
{{- end -}}
{{- if eq .bridge .vxlanDevice -}}
{{- $faults = append $faults (printf "config.vxlanDevice %q is also the name of the bridge" .vxlanDevice) -}}
{{- end -}}
{{- if and .encryption.require (eq .encryption.type "none") -}}
{{- $faults = append $faults "config.encryption.require has no effect because config.encryption.type is none" -}}
{{- end -}}
{{- if and (ne .encryption.type "none") .encryption.require (not .clusterCIDRs) -}}
{{- $faults = append $faults "config.encryption.require needs config.clusterCIDRs: where no packet may go in clear, whatever nodes are known" -}}
{{- end -}}
{{- if and (ne .encryption.type "none") (eq (int .encryption.port) (int .vxlanPort)) -}}
{{- $faults = append $faults (printf "config.encryption.port %d is also config.vxlanPort" (int .encryption.port)) -}}
{{- end -}}
{{- $nextPort := ternary 65534 (add (int .encryption.port) 1) (eq (int .encryption.port) 65535) -}}
{{- if and (ne .encryption.type "none") (eq (int $nextPort) (int .vxlanPort)) -}}
{{- $faults = append $faults (printf "config.encryption.port %d: port %d, on which its keys are rotated, is also config.vxlanPort" (int .encryption.port) (int .vxlanPort)) -}}
{{- end -}}
{{- end -}}
{{- /* Mounted under the same path, so they must not cover what the image needs. */ -}}
{{- range $name, $path := .Values.hostPaths -}}
{{- if has $path (splitList " " (include "causeway.imageFolders" $)) -}}
{{- $faults = append $faults (printf "hostPaths.%s %q would cover a folder of the image: use one of its own" $name $path) -}}
{{- end -}}
{{- end -}}
{{- $paths := values .Values.hostPaths -}}
{{- if ne (len ($paths | uniq)) (len $paths) -}}
{{- $faults = append $faults "hostPaths must be three different folders" -}}
{{- end -}}
{{- if gt (len (printf "%s/agent.sock" .Values.hostPaths.run)) 101 -}}
{{- $faults = append $faults (printf "hostPaths.run %q is too long: the path of a socket in it has at most 101 bytes" .Values.hostPaths.run) -}}
{{- end -}}
{{- if eq (int .Values.http.port) (int .Values.http.probesPort) -}}
{{- $faults = append $faults (printf "http.probesPort %d is http.port too" (int .Values.http.probesPort)) -}}
{{- end -}}
{{- range $name := list "podMonitor" "serviceMonitor" -}}
{{- $monitor := index $.Values $name -}}
{{- if and $monitor.enabled (has $.Values.http.address (list "127.0.0.1" "::1")) -}}
{{- $faults = append $faults (printf "%s.enabled has no effect with http.address %q, which only the node itself reaches" $name $.Values.http.address) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- $faults = append $faults "podMonitor.enabled and serviceMonitor.enabled would scrape every agent twice: choose one" -}}
{{- end -}}
{{- /* The chart's own labels would be there twice. */ -}}
{{- $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels -}}
{{- range $name := list "podMonitor" "serviceMonitor" "prometheusRule" "dashboard" -}}
{{- $labels = set $labels (printf "%s.labels" $name) (index $.Values $name).labels -}}
{{- end -}}
{{- range $name, $given := $labels -}}
{{- range $key, $_ := $given -}}
{{- if or (eq $key "helm.sh/chart") (has $key (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by")) -}}
{{- $faults = append $faults (printf "%s has %q, a label that the chart sets itself" $name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $volumes := list -}}
{{- range .Values.extraVolumes -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- if not (has .name $volumes) -}}
{{- $faults = append $faults (printf "extraVolumeMounts names the volume %q, which extraVolumes does not have" .name) -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (join "; " $faults) -}}
{{- end -}}
{{- end }}

{{- define "causeway.imageFolders" -}}
/bin /boot /dev /etc /etc/causeway /lib /lib64 /opt /opt/causeway /proc /root /run /sbin /sys /tmp /usr /usr/bin /usr/lib /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/local /usr/local/bin /usr/local/lib /usr/sbin /var /var/lib /var/run
{{- end }}
