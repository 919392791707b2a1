package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// HoldsStore reports whether there is a store in a folder: what every store has is its mail log.
func HoldsStore(dir string) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

// Prepare makes a folder ready for a store to be opened in it, and made if there is none: it exists,
// it is nobody else's, and nobody else can read it. From now on nobody else can read any file that
// this process makes, whatever the umask was.
func Prepare(dir string, log *slog.Logger) error {
	syscall.Umask(0o077)
	if err := Make(dir); err != nil {
		return err
	}
	if err := checkOwner(dir, os.Geteuid()); err != nil {
		return err
	}
	return tighten(dir, log)
}

// checkOwner refuses to let root work in the store of another user: that user could not read the files
// that root makes in it. A server cannot become that user by itself: it reads its certificate again and
// again, which may be root's, and takes ports that are root's.
func checkOwner(dir string, uid int) error {
	owner, err := OwnerOf(dir)
	if uid != 0 || err != nil || owner.UID == uid {
		return err // what must not be opened by others than root, the system refuses
	}
	return fmt.Errorf("%s belongs to %s, who could not read the files that root would make there; run this as that user: sudo -u '%s' restante ... "+
		"(a server needs the capability CAP_NET_BIND_SERVICE for ports below 1024: AmbientCapabilities in a unit of systemd)",
		dir, userName(owner.UID), sudoName(owner.UID))
}

// Owner is whose a file is.
type Owner struct{ UID, GID int }

// OwnerOf returns whose the store in a folder is, or an empty folder.
func OwnerOf(dir string) (Owner, error) {
	// Where the folder is a mounted volume it may be root's, and the store in it another's.
	owner, err := ownerOf(filepath.Join(dir, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		return ownerOf(dir)
	}
	return owner, err
}

func ownerOf(path string) (Owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Owner{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{os.Geteuid(), os.Getegid()}, nil // a system without owners
	}
	return Owner{int(stat.Uid), int(stat.Gid)}, nil
}

// Credential is what a process needs to be the owner, with the groups that the owner is in.
func (o Owner) Credential() *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(o.UID), Gid: uint32(o.GID)}
	if u, err := user.LookupId(strconv.Itoa(o.UID)); err == nil {
		ids, _ := u.GroupIds() // without them it is in its first group only
		for _, id := range ids {
			if gid, err := strconv.ParseUint(id, 10, 32); err == nil {
				c.Groups = append(c.Groups, uint32(gid))
			}
		}
	}
	return c
}

// userName returns what a user is called, or the number of one without a name.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "the user " + strconv.Itoa(uid)
}

// sudoName returns what sudo calls a user.
func sudoName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}

// tighten keeps others out of a folder. Of one that is another's, or has other things than a store in
// it, it only warns.
func tighten(dir string, log *slog.Logger) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return err
	}
	ours, err := HoldsStore(dir)
	if err != nil {
		return err
	}
	if !ours {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		ours = len(entries) == 0
	}
	mode := fmt.Sprintf("%04o", info.Mode().Perm())
	if owner.UID != os.Geteuid() || !ours {
		log.Warn("others can look into the data folder; it should have the permissions 0700", "data", dir, "mode", mode)
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	log.Warn("others could look into the data folder; it has the permissions 0700 now", "data", dir, "mode", mode)
	return nil
}
