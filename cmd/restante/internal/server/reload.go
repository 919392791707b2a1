package server

import (
	"log/slog"
	"reflect"
	"strings"

	"restante/cmd/restante/internal/config"
)

// settings are those of a running server, and where they come from.
type settings struct {
	load  func() (config.Server, error)
	now   config.Server
	level slog.LevelVar
}

// first loads them for the first time.
func (set *settings) first() (err error) {
	if set.now, err = set.load(); err != nil {
		return err
	}
	level, err := parseLevel(set.now.LogLevel)
	set.level.Set(level)
	return err
}

// reload loads the settings again, takes over what can change while the server runs, the certificate
// and the log level, and says what cannot. What is wrong leaves everything as it was.
func (s *server) reload() {
	set := s.settings
	c, err := set.load()
	if err != nil {
		s.log.Error("not reloaded; the old settings stay", "err", err)
		return
	}
	level, err := parseLevel(c.LogLevel)
	if err != nil {
		s.log.Error("not reloaded; the old settings stay", "err", err)
		return
	}
	paths, err := certificateFiles(config.Server{Data: set.now.Data, TLSCert: c.TLSCert, TLSKey: c.TLSKey}, s.hostname, s.log)
	if err == nil {
		err = s.certificates.use(paths)
	}
	if err != nil {
		s.log.Error("the new certificate cannot be used; the old one stays", "err", err)
	} else {
		set.now.TLSCert, set.now.TLSKey = c.TLSCert, c.TLSKey
	}
	s.log.Info("reloaded", "log_level", level)
	set.level.Set(level)
	set.now.LogLevel = c.LogLevel
	c.TLSCert, c.TLSKey = set.now.TLSCert, set.now.TLSKey
	if names := changed(set.now, c); len(names) > 0 {
		s.log.Warn("these settings have changed, and wait for a restart", "settings", strings.Join(names, ","))
	}
}

// changed returns the names of the settings in which two tables of the configuration differ.
func changed(a, b any) (names []string) {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		name := va.Type().Field(i).Tag.Get("toml")
		fa, fb := va.Field(i), vb.Field(i)
		if fa.Kind() == reflect.Struct {
			for _, inner := range changed(fa.Interface(), fb.Interface()) {
				names = append(names, name+"."+inner)
			}
		} else if !reflect.DeepEqual(fa.Interface(), fb.Interface()) {
			names = append(names, name)
		}
	}
	return names
}
