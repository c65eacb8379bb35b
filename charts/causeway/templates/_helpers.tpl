{{- define "causeway.selectorLabels" -}}
app.kubernetes.io/name: causeway
{{- end }}

{{- define "causeway.labels" -}}
{{ include "causeway.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "causeway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* An IPv6 address as URLs want it. */ -}}
{{- define "causeway.urlHost" -}}
{{- if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- /* The file of --config: the settings of the operator, and those that follow from where things are mounted. */ -}}
{{- define "causeway.config" -}}
{{- $paths := dict "cniBinDir" .Values.hostPaths.cniBin "cniConfDir" .Values.hostPaths.cniConf "socket" (printf "%s/agent.sock" .Values.hostPaths.run) -}}
{{- $api := dict -}}
{{- with .Values.apiServer -}}
{{- if .host -}}
{{- $api = dict "apiServer" (printf "https://%s:%d" (include "causeway.urlHost" .host) (int .port)) -}}
{{- end -}}
{{- end -}}
{{- $own := dict -}}
{{- if .Values.uninstall.onDelete -}}
{{- $own = dict "daemonSet" (printf "%s/causeway" .Release.Namespace) -}}
{{- end -}}
{{- $http := dict "httpPage" .Values.http.page "httpHosts" .Values.http.hosts -}}
{{- merge $paths $api $own $http .Values.config | toYaml -}}
{{- end }}
