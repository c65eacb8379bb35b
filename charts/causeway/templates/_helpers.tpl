{{- define "causeway.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- /* One agent serves a node: the release has no part in the names. */ -}}
{{- define "causeway.fullname" -}}
{{ .Values.fullnameOverride | default (include "causeway.name" .) }}
{{- end }}

{{- define "causeway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "causeway.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "causeway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "causeway.name" . }}
{{- end }}

{{- /* Labels of one object. root: the chart's scope; labels: more of them, which win over the common ones. */ -}}
{{- define "causeway.labels" -}}
{{- $more := merge (dict) (.labels | default dict) .root.Values.commonLabels -}}
{{- with .root -}}
{{ include "causeway.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{- with $more }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Metadata of one object. root; name, namespace: those of the agent by default; isOfCluster: no namespace; labels, annotations: more of them. */ -}}
{{- define "causeway.metadata" -}}
name: {{ .name | default (include "causeway.fullname" .root) }}
{{- if not .isOfCluster }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "causeway.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The registry of image.repository makes way for that of all charts. */ -}}
{{- define "causeway.repository" -}}
{{- $repository := .Values.image.repository -}}
{{- $parts := splitList "/" $repository -}}
{{- $first := first $parts -}}
{{- if and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- with .Values.global.imageRegistry -}}
{{ . }}/{{ join "/" $parts }}
{{- else -}}
{{ $repository }}
{{- end -}}
{{- end }}

{{- define "causeway.image" -}}
{{- $repository := include "causeway.repository" . -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ $repository }}@{{ .digest }}
{{- else -}}
{{ $repository }}:{{ .tag | default $.Chart.AppVersion }}
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
{{- $own = dict "daemonSet" (printf "%s/%s" .Release.Namespace (include "causeway.fullname" .)) -}}
{{- end -}}
{{- $http := dict "httpPage" .Values.http.page "httpHosts" .Values.http.hosts -}}
{{- merge $paths $api $own $http .Values.config | toYaml -}}
{{- end }}
