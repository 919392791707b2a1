package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault is what the routes of one name do at the moment.
type fault struct {
	name string
	http bool

	mu struct {
		sync.Mutex
		mode     string
		delay    time.Duration // of slow
		requests int           // since the mode was set
		opened   chan struct{} // closed by the end of a cut; nil when there is none
	}
}

// modes are those of TCP, then those that need HTTP.
var modes = []string{"pass", "cut", "errors", "half", "after", "slow"}

// set changes the mode.
func (f *fault) set(mode string, delay time.Duration) error {
	i := slices.Index(modes, mode)
	if i < 0 || i > 1 && !f.http {
		return fmt.Errorf("proxy: %s has no mode %q", f.name, mode)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.opened != nil {
		close(f.mu.opened)
		f.mu.opened = nil
	}
	if mode == "cut" {
		f.mu.opened = make(chan struct{})
	}
	f.mu.mode, f.mu.delay, f.mu.requests = mode, delay, 0
	return nil
}

// wait returns when nothing is cut.
func (f *fault) wait() {
	for opened := f.cut(); opened != nil; opened = f.cut() {
		<-opened
	}
}

func (f *fault) cut() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.opened
}

// request counts a request, from 0, and returns what is to be done with it.
func (f *fault) request() (mode string, delay time.Duration, number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.requests++
	return f.mu.mode, f.mu.delay, f.mu.requests - 1
}

// faults are those of all names, and answer on the control socket. All are added before it is served.
type faults []*fault

// add returns the fault of a name, which is made when it is new.
func (fs *faults) add(name string, http bool) *fault {
	if f := fs.find(name); f != nil {
		return f
	}
	f := &fault{name: name, http: http}
	f.mu.mode = "pass"
	*fs = append(*fs, f)
	return f
}

func (fs *faults) find(name string) *fault {
	for _, f := range *fs {
		if f.name == name {
			return f
		}
	}
	return nil
}

// ServeHTTP lists the names, or sets the mode of one: PUT /NAME/MODE.
func (fs *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		for _, f := range *fs {
			f.mu.Lock()
			fmt.Fprintln(w, f.name, f.mu.mode)
			f.mu.Unlock()
		}
		return
	}
	name, mode, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	delay := 2 * time.Second
	if d := r.URL.Query().Get("delay"); d != "" {
		var err error
		if delay, err = time.ParseDuration(d); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	f := fs.find(name)
	if f == nil {
		http.Error(w, "no such name", http.StatusNotFound)
		return
	}
	if err := f.set(mode, delay); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}
