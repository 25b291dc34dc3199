# Completion for fish: calicoctl completion fish > ~/.config/fish/completions/calicoctl.fish

function __calicoctl_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for word in (calicoctl completion candidates -- $words "$current" 2>/dev/null)
        if test "$word" != :files
            echo "$word"
            continue
        end
        set -l option (string match -r -- '^--[^=]*=' "$current")
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current"))
            echo "$option$path"
        end
    end
end

complete -c calicoctl -f -a '(__calicoctl_candidates)'
complete -c calicoq -f -a '(__calicoctl_candidates)'
