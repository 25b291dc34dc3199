# Completion for bash. In ~/.bashrc: source <(calicoctl completion bash)

_calicoctl() {
    local IFS=$' \t\n' place word current prefix glue=
    local -a words=("${COMP_WORDS[0]}")
    # bash takes --host=node1 and 10.0.0.0:80 for several words. They are one here, and bash wants the last part of it.
    for ((place = 1; place <= COMP_CWORD; place++)); do
        word=${COMP_WORDS[place]}
        if [[ -n $word && -z ${word//[=:@]/} && ${#words[@]} -gt 1 ]]; then
            words[${#words[@]} - 1]+=$word
            glue=yes
        elif [[ -n $glue ]]; then
            words[${#words[@]} - 1]+=$word
            glue=
        else
            words+=("$word")
        fi
    done
    current=${COMP_WORDS[COMP_CWORD]}
    [[ -z ${current//[=:@]/} ]] && current=
    prefix=${words[${#words[@]} - 1]}
    prefix=${prefix%"$current"}
    COMPREPLY=()
    while IFS= read -r word; do
        case $word in
            :files) compopt -o default 2>/dev/null ;;
            *=) compopt -o nospace 2>/dev/null; COMPREPLY+=("${word#"$prefix"}") ;;
            *) COMPREPLY+=("${word#"$prefix"}") ;;
        esac
    done < <(calicoctl completion candidates -- "${words[@]}" 2>/dev/null)
}

complete -F _calicoctl calicoctl calicoq
