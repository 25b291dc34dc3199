# Completion for zsh. In ~/.zshrc, after compinit: source <(calicoctl completion zsh)

_calicoctl() {
    local word
    local -a offered options
    for word in "${(@f)$(calicoctl completion candidates -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}"; do
        case $word in
            '') ;;
            :files)
                compset -P '--*='
                _files
                return
                ;;
            *=) options+=("$word") ;;
            *) offered+=("$word") ;;
        esac
    done
    compadd -S '' -a options
    compadd -a offered
}

compdef _calicoctl calicoctl calicoq
