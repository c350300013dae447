{{- define "odradek.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 48 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 48 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "odradek.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "odradek.labels" -}}
{{ include "odradek.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Whom the quorum is made of. */}}
{{- define "odradek.voters" -}}
{{- $name := include "odradek.name" . -}}
{{- $suffix := printf "%s-nodes.$(POD_NAMESPACE).%s" $name .Values.clusterDomainSuffix -}}
{{- $voters := list -}}
{{- range $ordinal := until (int .Values.controllers) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" $ordinal $name $ordinal $suffix) -}}
{{- end -}}
{{- join "," $voters -}}
{{- end }}

{{/* The variable of a property, as the apache/kafka image maps them. */}}
{{- define "odradek.variable" -}}
KAFKA_{{ . | replace "_" "__" | replace "-" "___" | replace "." "_" | upper }}
{{- end }}

{{/* What cannot be is refused before anything is made of it. */}}
{{- define "odradek.check" -}}
{{- $controllers := int .Values.controllers -}}
{{- if not (has $controllers (list 1 3 5)) }}{{ fail (printf "controllers is %v: give 1, 3 or 5" .Values.controllers) }}{{ end -}}
{{- if gt $controllers (int .Values.replicas) }}{{ fail "controllers are nodes: there cannot be more of them than replicas" }}{{ end -}}
{{- $wait := int .Values.stopWaitSeconds -}}
{{- if or (lt $wait 0) (gt $wait 600) }}{{ fail (printf "stopWaitSeconds is %v: give 0 to 600" .Values.stopWaitSeconds) }}{{ end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add $wait 15 | int) -}}
{{ fail (printf "terminationGracePeriodSeconds is %v: give %d at least, 15 more than stopWaitSeconds" .Values.terminationGracePeriodSeconds (add $wait 15)) }}
{{- end -}}
{{- end }}
