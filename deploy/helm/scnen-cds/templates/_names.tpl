{{/* Names, labels and environment that several manifests share. */}}

{{- define "scnen.selector" -}}
app.kubernetes.io/name: scnen-cds
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scnen.labels" -}}
{{ include "scnen.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "scnen.name" -}}
{{- if contains "scnen-cds" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-scnen-cds{{ end }}
{{- end }}

{{- define "scnen.files" -}}
clients.yaml: {{ .Values.clients | quote }}
{{- if .Values.policy }}
policy.yaml: {{ .Values.policy | quote }}
{{- end }}
{{- end }}

{{/* All kinds of pod run the same image as the same user, without any right. */}}
{{- define "scnen.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "scnen.container" -}}
image: "{{ .Values.image.repository }}@{{ .Values.image.digest }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{ toYaml .Values.resources | nindent 2 }}
env:
  - {name: SCNEN_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
  - {name: SCNEN_PROXIES, value: {{ join "," .Values.proxies | quote }}}
  - {name: SCNEN_TIME_ZONE, value: {{ .Values.timeZone | quote }}}
  - {name: SCNEN_WORKERS, value: {{ .Values.workers | quote }}}
  - {name: SCNEN_THREADS, value: {{ .Values.threads | quote }}}
  - {name: SCNEN_CLIENTS_FILE, value: /etc/scnen-cds/clients.yaml}
  {{- if .Values.policy }}
  - {name: SCNEN_POLICY_FILE, value: /etc/scnen-cds/policy.yaml}
  {{- end }}
  - {name: SCNEN_DATA_DIR, value: /var/lib/scnen-cds}
  - {name: SCNEN_SECRET_KEY_FILE, value: /run/secrets/scnen-cds/secret-key}
  - {name: SCNEN_ADMIN_TOKEN_FILE, value: /run/secrets/scnen-cds/admin-token}
  - {name: SCNEN_METRICS_TOKEN_FILE, value: /run/secrets/scnen-cds/metrics-token}
  {{- if .Values.previousSecretKeys }}
  - {name: SCNEN_PREVIOUS_SECRET_KEYS_FILE, value: /run/secrets/scnen-cds/previous-secret-keys}
  {{- end }}
  - {name: SCNEN_STOP_FILE, value: /etc/scnen-cds-stop/order}
  - name: SCNEN_DATABASE_URL
    valueFrom:
      secretKeyRef: {name: {{ .Values.secretName }}, key: database-url}
  {{- range $name, $value := .Values.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
volumeMounts:
  - {name: configuration, mountPath: /etc/scnen-cds, readOnly: true}
  - {name: stop, mountPath: /etc/scnen-cds-stop, readOnly: true}
  - {name: secrets, mountPath: /run/secrets/scnen-cds, readOnly: true}
  - {name: spool, mountPath: /var/lib/scnen-cds}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "scnen.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.secretName }}
    defaultMode: 0440
    items:
      - {key: secret-key, path: secret-key}
      - {key: admin-token, path: admin-token}
      - {key: metrics-token, path: metrics-token}
      {{- if .Values.previousSecretKeys }}
      - {key: previous-secret-keys, path: previous-secret-keys}
      {{- end }}
# The kill switch: a ConfigMap that is made when something is switched off.
- name: stop
  configMap: {name: {{ include "scnen.name" . }}-stop, optional: true}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- end }}
