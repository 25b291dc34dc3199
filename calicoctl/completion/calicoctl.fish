# Completion for fish: calicoctl completion fish > ~/.config/fish/conf.d/calicoctl.fish

function __calicoctl_candidates
    # Remove quotes: the last one may still be open.
    set -l current (commandline -ct | string replace -ra '["\'\\\\]' '')
    for word in (calicoctl completion candidates -- (commandline -opc) "$current" 2>/dev/null)
        if test "$word" != :files
            echo "$word"
            continue
        end
        set -l option (string match -r -- '^--[^=]*=' "$current")
        set -l path (string replace -r -- '^--[^=]*=' '' "$current")
        set -l home (string match -r -- '^~/' "$path")
        test -n "$home"; and set path $HOME/(string sub -s 3 -- "$path")
        for found in (__fish_complete_path "$path")
            test -n "$home"; and set found $home(string replace -- "$HOME/" '' "$found")
            echo "$option$found"
        end
    end
end

complete -c calicoctl -f -a '(__calicoctl_candidates)'
complete -c calicoq -f -a '(__calicoctl_candidates)'
