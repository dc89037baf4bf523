package node

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kelseyhightower/envconfig"
)

// prefix of the environment variables, without its underscore.
const prefix = "MESH"

// ConfigFromEnv reads a configuration from the environment's MESH_ variables. One
// that is set to nothing counts as not set.
// The error joins every Fault there is, so all can be mended at once; it also
// covers what New would refuse.
func ConfigFromEnv() (Config, error) {
	var c Config
	var faults []error
	// envconfig stops at the first variable that it cannot read; one field at
	// a time, it cannot hide the others.
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		f := fields.Type().Field(i)
		if value, set := os.LookupEnv(variable(f.Name)); set && value == "" {
			if byDefault := f.Tag.Get("default"); byDefault != "" {
				setDefault(fields.Field(i), byDefault)
			}
			continue
		}
		one := reflect.New(reflect.StructOf([]reflect.StructField{f}))
		if err := envconfig.Process(prefix, one.Interface()); err != nil {
			faults = append(faults, faultOf(f.Name, os.Getenv(variable(f.Name))))
			continue
		}
		fields.Field(i).Set(one.Elem().Field(0))
	}
	for i := range c.Peers {
		c.Peers[i] = strings.TrimSpace(c.Peers[i])
	}
	c.Peers = slices.DeleteFunc(c.Peers, func(p string) bool { return p == "" })
	if err := c.withDefaults().check(); err != nil {
		faults = append(faults, err)
	}
	return c, errors.Join(faults...)
}

// UnknownVariables returns the MESH_ variables of the environment that no field
// of Config reads: misspelt ones, most likely.
func UnknownVariables() []string {
	var unknown []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, prefix+"_") && !slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[Config]()), func(f reflect.StructField) bool {
			return variable(f.Name) == name && f.Tag.Get("ignored") == ""
		}) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// variable returns the name of the environment variable of a field of Config:
// CloudListen is MESH_CLOUD_LISTEN.
func variable(field string) string {
	var name strings.Builder
	name.WriteString(prefix)
	lower := true // an abbreviation, URL, stays together
	for _, r := range field {
		upper := 'A' <= r && r <= 'Z'
		if upper && lower {
			name.WriteByte('_')
		}
		lower = !upper
		name.WriteRune(r)
	}
	return strings.ToUpper(name.String())
}

// Usage writes every variable with its default, its meaning and what is allowed.
func Usage(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	const line = "{{range .}}  {{usage_key .}}\t{{usage_default .}}\t{{usage_description .}}\n\t\t  {{.Tags.Get \"allowed\"}}\n{{end}}"
	if err := envconfig.Usagef(prefix, &Config{}, table, line); err != nil {
		return err
	}
	return table.Flush()
}

// NewLogger returns the logger that LogLevel and LogFormat ask for.
func (c Config) NewLogger(w io.Writer) *slog.Logger {
	c = c.withDefaults()
	options := &slog.HandlerOptions{Level: logLevels[c.LogLevel]}
	if c.LogFormat == "json" {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr { // a duration with its unit, as in text
			if a.Value.Kind() == slog.KindDuration {
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		}
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
